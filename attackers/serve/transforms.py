"""Transforms of inputs that a thief puts before a stolen model, without training or memory."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from arena.game.serving.wrapper import Answer, Client, Wrapper, wrapper
from arena.game.sides.player import Dial


def smoothed(images: Tensor, deviation: float) -> Tensor:
    """Return images (N, C, H, W) convolved with a Gaussian of three deviations, zeros around."""
    reach = max(1, math.ceil(3 * deviation))
    steps = torch.arange(-reach, reach + 1, dtype=images.dtype)
    line = (-(steps**2) / (2 * deviation**2)).exp()
    line, n_channels = line / line.sum(), images.shape[1]
    for shape, padding in (((1, 1, -1, 1), (reach, 0)), ((1, 1, 1, -1), (0, reach))):
        kernel = line.view(shape).repeat(n_channels, 1, 1, 1)
        images = F.conv2d(images, kernel, padding=padding, groups=n_channels)
    return images


def medians(images: Tensor) -> Tensor:
    """Return the median of each pixel's 3x3 neighbourhood, zeros around; (N, C, H, W)."""
    n, channels, height, width = images.shape
    patches = F.unfold(images, 3, padding=1).view(n, channels, 9, height, width)
    return patches.median(2).values


@dataclass(frozen=True, kw_only=True)
class Transform(Wrapper):
    """Base class of transforms of images; rows of a table pass unchanged."""

    paper: ClassVar[str] = "Lukas et al., S&P 2022"

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        """Answer the transformed images."""
        return answer(self.transformed(inputs) if inputs.dim() == 4 else inputs)

    @abstractmethod
    def transformed(self, images: Tensor) -> Tensor:
        """Return images (N, C, H, W) in [0, 1] as the model is to see them."""


@wrapper("input-gaussian")
@dataclass(frozen=True, kw_only=True)
class InputGaussian(Transform):
    """Smooths each image by a Gaussian.

    What: a preprocessing that smooths adversarial and trigger patterns.
    Threat model: of a thief who hosts the model.
    Parameters: deviation (of the Gaussian, in pixels).
    Cost: none.
    Differences to the paper: none.
    Reference: Lukas et al.: SoK: How robust is image classification watermarking, 2022.
    Versions: 1.
    """

    dial: ClassVar[Dial] = Dial("deviation", 0.2, 2.0, "log")

    deviation: Annotated[float, Field(gt=0)] = 0.6

    def transformed(self, images: Tensor) -> Tensor:
        """Return the smoothed images."""
        return smoothed(images, self.deviation)


@wrapper("input-median")
@dataclass(frozen=True, kw_only=True)
class InputMedian(Transform):
    """Replaces each pixel by the median of its 3x3 neighbourhood.

    What: a preprocessing that takes single odd pixels away.
    Threat model: of a thief who hosts the model.
    Parameters: none.
    Cost: none.
    Differences to the paper: the model is not fine-tuned to it; stack the move on a fine-tuning.
    Reference: Lukas et al.: SoK: How robust is image classification watermarking, 2022.
    Versions: 1.
    """

    def transformed(self, images: Tensor) -> Tensor:
        """Return the medians."""
        return medians(images)


@wrapper("input-flip")
@dataclass(frozen=True, kw_only=True)
class InputFlip(Transform):
    """Mirrors each image from left to right.

    What: a pattern in a corner moves to the other one.
    Threat model: of a thief who hosts the model.
    Parameters: none.
    Cost: accuracy wherever sides matter: digits are hit hard.
    Differences to the paper: none.
    Reference: Lukas et al.: SoK: How robust is image classification watermarking, 2022.
    Versions: 1.
    """

    def transformed(self, images: Tensor) -> Tensor:
        """Return the mirrored images."""
        return images.flip(3)


@wrapper("input-squeeze")
@dataclass(frozen=True, kw_only=True)
class InputSqueeze(Transform):
    """Keeps the first few bits of each pixel (feature squeezing).

    What: a preprocessing that takes away fine differences between inputs.
    Threat model: of a thief who hosts the model.
    Parameters: bits (of a channel).
    Cost: none.
    Differences to the paper: none.
    Reference: Xu, Evans, Qi: Feature squeezing: detecting adversarial examples in deep neural
    networks, 2018; Lukas et al., S&P 2022 (settings).
    Versions: 1.
    """

    paper: ClassVar[str] = "Xu et al., NDSS 2018"
    dial: ClassVar[Dial] = Dial("bits", 7, 1)

    bits: Annotated[int, Field(ge=1, le=8)] = 4

    def transformed(self, images: Tensor) -> Tensor:
        """Return images of 2^bits levels."""
        top: int = 2**self.bits - 1
        return (images * top).round() / top
