"""A batch of images as one PNG: the images one below the other, grey or in colour."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from arena.errors import EndpointError

PNG = "image/png"
_MODES = {1: "L", 3: "RGB"}


def read_png(blob: bytes, shape: tuple[int, ...], most: int) -> Tensor:
    """Return the batch (N, *shape) in a PNG, as floats in [0, 1].

    Args:
        blob: the file.
        shape: (C, H, W) of one image.
        most: images at most; a larger picture is refused before it is decoded.

    Raises:
        EndpointError: it is no PNG, or not one of images of this shape.
    """
    if len(shape) != 3 or shape[0] not in _MODES:
        raise EndpointError(f"expected json or npy for inputs of {shape}, found a PNG; send those")
    channels, height, width = shape
    try:
        with Image.open(io.BytesIO(blob), formats=["PNG"]) as picture:
            found = picture.size
            fits = found[0] == width and found[1] % height == 0 and found[1] <= most * height
            pixels = np.asarray(picture.convert(_MODES[channels])) if fits else None
    except Exception as error:  # a stranger's bytes can make the reader raise anything
        reason = str(error).partition("\n")[0][:120] or type(error).__name__
        raise EndpointError(f"expected a PNG, found none that can be read ({reason})") from error
    if pixels is None:
        raise EndpointError(
            f"expected a PNG {width} wide and {height} high for each of at most {most} images, "
            f"found {found[0]} x {found[1]}; put the images one below the other"
        )
    rows = torch.from_numpy(pixels.copy()).reshape(-1, height, width, channels)
    return rows.permute(0, 3, 1, 2).float() / 255
