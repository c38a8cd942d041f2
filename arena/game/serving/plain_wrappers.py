"""Wrappers without a memory: what is done to inputs before, and to answers after, the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from arena.game.serving.wrapper import Answer, Client, Wrapper, wrapper
from arena.game.sides.player import Dial


@wrapper("input-noise")
@dataclass(frozen=True, kw_only=True)
class InputNoise(Wrapper):
    """Adds fresh Gaussian noise to each query.

    What: a preprocessing that blurs what a verifier's exact inputs were made for.
    Threat model: of either side.
    Parameters: deviation (of pixel values in [0, 1]).
    Cost: one draw for each pixel.
    Differences to the paper: none.
    Reference: Lukas et al.: SoK: How robust is image classification watermarking, 2022.
    Versions: 1.
    """

    paper: ClassVar[str] = "Lukas et al., S&P 2022"
    dial: ClassVar[Dial] = Dial("deviation", 0.0, 0.2)

    deviation: Annotated[float, Field(ge=0)] = 0.03

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        """Answer the noisy images."""
        noise = torch.randn(inputs.shape, generator=client.rng.torch()) * self.deviation
        return answer((inputs + noise).clamp(0, 1))


@wrapper("input-levels")
@dataclass(frozen=True, kw_only=True)
class InputLevels(Wrapper):
    """Rounds each pixel to a few levels.

    What: a preprocessing that takes away fine differences between inputs.
    Threat model: of either side.
    Parameters: levels (grey levels of a channel).
    Cost: none.
    Differences to the paper: none.
    Reference: Lukas et al.: SoK: How robust is image classification watermarking, 2022.
    Versions: 1.
    """

    paper: ClassVar[str] = "Lukas et al., S&P 2022"
    dial: ClassVar[Dial] = Dial("levels", 256, 2, "log")

    levels: Annotated[int, Field(ge=2)] = 16

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        """Answer the rounded images."""
        top = self.levels - 1
        return answer((inputs * top).round() / top)


@wrapper("input-blur")
@dataclass(frozen=True, kw_only=True)
class InputBlur(Wrapper):
    """Blurs each image with a 3x3 mean; rows of a table pass unchanged.

    What: a preprocessing that smooths adversarial and trigger patterns.
    Threat model: of either side.
    Parameters: none.
    Cost: none.
    Differences to the paper: a mean of fixed width.
    Reference: Lukas et al.: SoK: How robust is image classification watermarking, 2022.
    Versions: 1.
    """

    paper: ClassVar[str] = "Lukas et al., S&P 2022"

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        """Answer the blurred images."""
        return answer(F.avg_pool2d(inputs, 3, 1, 1) if inputs.dim() == 4 else inputs)


@wrapper("output-labels")
@dataclass(frozen=True, kw_only=True)
class OutputLabels(Wrapper):
    """Answers the class alone, as a one-hot row.

    What: the control of altered answers: everything but the class is kept back.
    Threat model: of either side.
    Parameters: none.
    Cost: none.
    Differences to the paper: there is no paper.
    Reference: none.
    Versions: 1.
    """

    control: ClassVar[bool] = True

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        """Answer the classes."""
        rows = answer(inputs)
        return F.one_hot(rows.argmax(1), rows.shape[1]).to(rows.dtype)
