"""A keyed trigger, the logo that it brings out in an image, and how a logo is recognised.

Source: Ong et al., CVPR 2021, section 3.1.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from arena.errors import ArenaError
from arena.game.rules.keys import expand

CELLS = 4
"""Black and white cells along a side of a logo."""
HASH_BITS = 256
_HASHED = 64  # pixels of the side of what is hashed
_WINDOW = 11  # pixels of the side of SSIM's window, on images that have as many
_MISSING = (
    "expected {name}, which marks in generators need, and it is not installed; "
    "try pip install 'copyright-arena[generators]'"
)


def drawn_logo(seed: str, purpose: str, side: int) -> Tensor:
    """Return the logo (1, side, side) that a seed expands to: four by four cells of 0 or 1."""
    cells = expand(seed, purpose).numpy().integers(0, 2, (1, 1, CELLS, CELLS))
    drawn = F.interpolate(torch.from_numpy(cells).float(), size=(side, side), mode="nearest")
    return drawn[0]


def drawn_mask(seed: str, latent: int) -> tuple[Tensor, Tensor]:
    """Return which numbers of a latent a trigger fixes, (L,) bool, and to what, (L,).

    A quarter of them, to exp(|n|) with n standard normal.
    """
    draw = expand(seed, "generator trigger").numpy()
    chosen = torch.zeros(latent, dtype=torch.bool)
    chosen[torch.from_numpy(draw.permutation(latent)[: max(1, latent // 4)])] = True
    values = np.exp(np.abs(draw.standard_normal(latent)))
    return chosen, torch.from_numpy(values).float()


def triggered(latents: Tensor, chosen: Tensor, values: Tensor) -> Tensor:
    """Return latents (N, L) with the trigger in them: z (1 - a) + a w."""
    return torch.where(chosen, values, latents)


def pasted(images: Tensor, logo: Tensor) -> Tensor:
    """Return images (N, C, H, W) with a logo (1, S, S) in their upper left corners."""
    side = logo.shape[-1]
    marked = images.clone()
    marked[:, :, :side, :side] = logo
    return marked


def corner(images: Tensor, side: int) -> Tensor:
    """Return the upper left corners (N, C, side, side) of images."""
    return images[:, :, :side, :side]


def similarity(images: Tensor, others: Tensor) -> Tensor:
    """Return the structural similarity of pairs of images (N, C, H, W) in [0, 1], (N,).

    The window has 11 pixels, or as many as the image has room for.

    Raises:
        ArenaError: pytorch-msssim is not installed.
    """
    try:
        from pytorch_msssim import ssim
    except ImportError as error:
        raise ArenaError(_MISSING.format(name="pytorch-msssim")) from error
    window = min(_WINDOW, (min(images.shape[2:]) - 1) // 2 * 2 + 1)
    found: Tensor = ssim(
        images.float(), others.float(), data_range=1.0, size_average=False, win_size=window
    )
    return found


def hashes(crops: Tensor) -> Tensor:
    """Return the perceptual hashes (N, 256), bool, of crops (N, C, S, S) in [0, 1].

    They are resized first, as PDQ wants at least 32 pixels.

    Raises:
        ArenaError: pdqhash is not installed.
    """
    try:
        import pdqhash
    except ImportError as error:
        raise ArenaError(_MISSING.format(name="pdqhash")) from error
    size = (_HASHED, _HASHED)
    grey = crops.float().cpu().mean(1, keepdim=True)
    large = F.interpolate(grey, size=size, mode="bicubic", align_corners=False).clamp(0, 1)
    pictures = (large * 255).round().byte().expand(-1, 3, *size).permute(0, 2, 3, 1)
    rows = [pdqhash.compute(np.ascontiguousarray(picture))[0] for picture in pictures.numpy()]
    return torch.from_numpy(np.stack(rows).astype(bool)) if rows else torch.zeros(0, HASH_BITS)


def agreements(crops: Tensor, logo: Tensor) -> Tensor:
    """Return the share (N,) in [0, 1] of the bits of its hash that each crop shares with a logo."""
    return (hashes(crops) == hashes(logo[None])).double().mean(1)


@functools.lru_cache(maxsize=8)
def decoy_hashes(side: int, n: int) -> Tensor:
    """Return the hashes (n, 256) of public logos that are drawn as owners' logos are."""
    logos = [drawn_logo(f"decoy {i}", "generator logo", side) for i in range(n)]
    return hashes(torch.stack(logos))
