"""Samplers: which points a fingerprint asks a suspect about; all are drawn by the key's seed."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from arena.errors import PlayerError
from arena.game.rules.keys import expand
from arena.game.sides.lab import Lab
from arena.world.kinds.kind import Kind
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples
from defenders.fingerprints.scheme import drawn, floats

_MOST_ROUNDS = 40  # of mixing the pool, until enough images are answered wrongly
_BOX = 0.2  # of an image's area that is pasted from another one


def held_out(kind: Kind, pool: Examples, n: int, seed: str) -> Tensor:
    """Return `n` examples of the pool (n, *shape) as models of a kind take them; the seed draws."""
    return kind.inputs(pool.images[drawn(len(pool), n, expand(seed, "held-out images"))])


def mixed(images: Tensor, rng: Rng) -> Tensor:
    """Return images (N, *shape), each with a box of another one's pixels in a random place.

    The box is 20 % of the area, so the image's own class stays the right one. Rows of a table have
    a fifth of their columns in place of a box. Source: Yun et al., ICCV 2019 (CutMix).
    """
    draw, share = rng.numpy(), math.sqrt(_BOX) if images.dim() == 4 else _BOX
    partner = images[torch.from_numpy(draw.permutation(len(images)))]
    inside = torch.ones(len(images), *([1] * (images.dim() - 1)), dtype=torch.bool)
    for axis in range(2 if images.dim() == 4 else 1, images.dim()):
        size = images.shape[axis]
        side = max(1, round(size * share))
        start = torch.from_numpy(draw.integers(0, size - side + 1, len(images)))
        place = torch.arange(size) - start[:, None]  # (N, size)
        shape = [len(images), *(size if a == axis else 1 for a in range(1, images.dim()))]
        inside = inside & ((place >= 0) & (place < side)).view(shape)
    return torch.where(inside, partner, images)


def mixtures(pool: Examples, n: int, seed: str) -> Tensor:
    """Return `n` mixed images (n, *shape) of the pool; each image is a base in turn."""
    images, rounds = floats(pool.images), math.ceil(n / len(pool))
    parts = [mixed(images, expand(seed, f"mixtures {i}")) for i in range(rounds)]
    order = drawn(rounds * len(pool), n, expand(seed, "mixtures kept"))
    return torch.cat(parts)[order]


def misclassified(victim: Model, pool: Examples, n: int, seed: str, lab: Lab) -> Tensor:
    """Return up to `n` images (n, *shape) that the victim does not give their class.

    Held-out images first, of which the seed draws; where these are too few, mixtures of them until
    enough are wrong.
    Source: Godinot et al., AAAI 2025.

    Raises:
        PlayerError: the victim errs nowhere.
    """
    found: list[Tensor] = []
    for i, images in enumerate(_variants(floats(pool.images), seed)):
        wrong = images[lab.labels(victim, images) != pool.targets]
        missing = n - sum(len(part) for part in found)
        found.append(wrong[drawn(len(wrong), missing, expand(seed, f"wrong {i}"))])
        if len(wrong) >= missing:
            break
    points = torch.cat(found)
    if not len(points):
        raise PlayerError(
            f"expected images that the victim gets wrong, found none among {len(pool)} held-out "
            "ones and their mixtures; give more of them, or choose another fingerprint"
        )
    return points


def _variants(images: Tensor, seed: str) -> Iterator[Tensor]:
    """Yield the images, and then mixtures of them."""
    yield images
    for i in range(_MOST_ROUNDS):
        yield mixed(images, expand(seed, f"mixtures {i}"))
