"""Augmentation of a whole batch at once, on the device that holds it."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from arena.world.training.recipe import Augment


def augmented(images: Tensor, how: Augment, generator: torch.Generator) -> Tensor:
    """Return randomly flipped, cropped, rotated and shifted images.

    Args:
        images: floats (B, C, H, W); anything else (tabular rows) is returned as it is.
        how: what to do; each image draws its own values.
        generator: on the same device as `images`.
    """
    if images.dim() != 4 or not len(images):
        return images
    if how.flip:
        images = _flipped(images, generator)
    if how.crop:
        images = _cropped(images, how.crop, generator)
    if how.rotation or how.shift:
        images = _moved(images, how, generator)
    return images


def _flipped(images: Tensor, generator: torch.Generator) -> Tensor:
    draw = torch.rand(len(images), 1, 1, 1, generator=generator, device=images.device)
    return torch.where(draw < 0.5, images.flip(3), images)


def _cropped(images: Tensor, padding: int, generator: torch.Generator) -> Tensor:
    n, _, height, width = images.shape
    device = images.device
    padded = F.pad(images, (padding,) * 4)  # (B, C, H + 2p, W + 2p)
    offsets = torch.randint(0, 2 * padding + 1, (2, n), generator=generator, device=device)
    rows = offsets[0, :, None] + torch.arange(height, device=device)  # (B, H)
    columns = offsets[1, :, None] + torch.arange(width, device=device)  # (B, W)
    batch = torch.arange(n, device=device)
    picked = padded[batch[:, None, None], :, rows[:, :, None], columns[:, None, :]]  # (B, H, W, C)
    return picked.permute(0, 3, 1, 2)


def _moved(images: Tensor, how: Augment, generator: torch.Generator) -> Tensor:
    uniform = torch.rand(3, len(images), generator=generator, device=images.device) * 2 - 1
    angle = uniform[0] * math.radians(how.rotation)
    moved = uniform[1:].T * 2 * how.shift  # the grid spans [-1, 1]: two units a side
    grid = _grid(angle, moved, images.shape[2], images.shape[3])
    return F.grid_sample(images, grid, padding_mode="zeros", align_corners=False)


def _grid(angle: Tensor, moved: Tensor, height: int, width: int) -> Tensor:
    """Return where each pixel comes from, (B, H, W, 2), in units of which a side has two.

    The sums are those of F.affine_grid; what a row or a column has in common is made once.
    """
    rows, columns = (
        torch.linspace(-1, 1, n, device=angle.device) * (n - 1) / n for n in (height, width)
    )
    cos, sin = angle.cos(), angle.sin()
    along = torch.stack([cos, sin], 1)[:, :, None] * columns  # (B, 2, W)
    across = torch.stack([-sin, cos], 1)[:, :, None] * rows  # (B, 2, H)
    grid = along[:, :, None] + across[..., None]  # (B, 2, H, W)
    return (grid + moved[:, :, None, None]).permute(0, 2, 3, 1)
