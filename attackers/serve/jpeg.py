"""JPEG as a transform of inputs: what compression loses, without the file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from arena.game.serving.wrapper import wrapper
from arena.game.sides.player import Dial
from attackers.serve.transforms import Transform

_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Steps at quality 50: ITU-T T.81, table K.1."""


def steps_at(quality: int) -> Tensor:
    """Return the quantisation steps (8, 8) at a quality of 1 to 100, as libjpeg scales them.

    >>> int(steps_at(50)[0, 0]), int(steps_at(95)[0, 0]), int(steps_at(10)[0, 0])
    (16, 2, 80)
    """
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return ((torch.tensor(_LUMINANCE) * scale + 50) // 100).clamp(1, 255).double()


def cosines() -> Tensor:
    """Return the orthonormal basis (8, 8) of the discrete cosine transform, a frequency a row."""
    at = torch.arange(8, dtype=torch.float64)
    rows = (math.pi / 8 * (at + 0.5) * at[:, None]).cos() / 2
    rows[0] /= math.sqrt(2)
    return rows


def compressed(images: Tensor, quality: int) -> Tensor:
    """Return images (N, C, H, W) in [0, 1] after JPEG, each channel as grey.

    Edges are repeated up to a multiple of eight pixels.
    """
    height, width = images.shape[2:]
    bottom, right = -height % 8, -width % 8
    padded = F.pad(images.double() * 255, (0, right, 0, bottom), mode="replicate").round() - 128
    blocks = padded.unfold(2, 8, 8).unfold(3, 8, 8)  # (N, C, H/8, W/8, 8, 8)
    basis, steps = cosines(), steps_at(quality)
    coefficients = (basis @ blocks @ basis.T / steps).round() * steps
    back = (basis.T @ coefficients @ basis).transpose(3, 4).reshape(padded.shape)
    pixels = (back + 128).round().clamp(0, 255) / 255
    return pixels[:, :, :height, :width].to(images.dtype)


@wrapper("input-jpeg")
@dataclass(frozen=True, kw_only=True)
class InputJPEG(Transform):
    """Compresses each image as JPEG does.

    What: a preprocessing that loses the fine structure of each block of eight by eight pixels.
    Threat model: of a thief who hosts the model.
    Parameters: quality (1 to 100).
    Cost: two small matrix products for each block.
    Differences to the paper: each channel is compressed as grey; colours are not subsampled.
    Reference: Lukas et al.: SoK: How robust is image classification watermarking, 2022.
    Versions: 1.
    """

    dial: ClassVar[Dial] = Dial("quality", 95, 5)

    quality: Annotated[int, Field(ge=1, le=100)] = 65

    def transformed(self, images: Tensor) -> Tensor:
        """Return the compressed images."""
        return compressed(images, self.quality)
