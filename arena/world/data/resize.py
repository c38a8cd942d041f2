"""Images in another shape: so that one data set's images can be put to another one's model."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from arena.errors import DataError
from arena.world.data.dataset import Dataset

_CHUNK = 1024  # images that are held as float32 at once
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def resized(data: Dataset, shape: tuple[int, ...]) -> Dataset:
    """Return a data set whose images have the given shape (C, H, W); itself if they have it.

    Bilinear with antialiasing; colour becomes grey by its luma, grey becomes three equal channels.

    Raises:
        DataError: the data set or the shape is a table's, or the channels cannot be converted.
    """
    if data.input_shape == tuple(shape):
        return data
    if len(data.input_shape) != 3 or len(shape) != 3 or min(shape) < 1:
        raise DataError(
            f"expected images to resize, found examples {data.input_shape} of {data.name!r} for an "
            f"input of {tuple(shape)}; tables fit only their own models, choose another data set"
        )
    channels, wanted = data.input_shape[0], shape[0]
    if channels != wanted and {channels, wanted} != {1, 3}:
        raise DataError(
            f"expected 1 or 3 channels to convert, found {channels} in {data.name!r} for {wanted}; "
            "choose another data set"
        )
    chunks = [_resized(chunk, shape) for chunk in torch.split(data.images, _CHUNK)]
    return replace(data, images=torch.cat(chunks))


def _resized(images: Tensor, shape: tuple[int, ...]) -> Tensor:
    n_channels, *size = shape
    pixels = images.float()  # (B, C, H, W)
    if n_channels == 1 < pixels.shape[1]:
        luma = torch.tensor(_LUMA, device=pixels.device)
        pixels = torch.einsum("bchw,c->bhw", pixels, luma).unsqueeze(1)
    if list(pixels.shape[2:]) != size:
        pixels = F.interpolate(pixels, size, mode="bilinear", antialias=True)
    return pixels.round().clamp(0, 255).byte().expand(-1, n_channels, -1, -1)
