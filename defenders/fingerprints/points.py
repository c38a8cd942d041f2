"""What fingerprints have in common: keys from which anybody can derive the points again."""

from __future__ import annotations

import torch
from torch import Tensor

from arena.game.rules.keys import Key
from arena.world.bundle import Bundle
from arena.world.models import Model, ModelCard, restore
from arena.world.rng import Rng
from arena.world.training import Examples

_SAME = 1e-3


def origin(victim: Model, pool: Examples) -> dict[str, Tensor]:
    """Return what points are derived from as tensors: the victim, and a pool of held-out images."""
    tensors = {f"victim/{name}": tensor for name, tensor in victim.state_dict().items()}
    tensors |= {"pool/images": pool.images, "pool/labels": pool.targets}
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def origin_of(key: Key) -> tuple[Model, Examples]:
    """Return the victim and the pool of a key whose settings hold the victim's card.

    Raises:
        ModelError: the victim cannot be built.
    """
    bundle = Bundle({}, key.tensors)
    victim = restore(ModelCard.model_validate(key.settings["card"]), bundle.prefixed("victim"))
    return victim, Examples(key.tensors["pool/images"], key.tensors["pool/labels"])


def drawn(n_images: int, n: int, rng: Rng) -> Tensor:
    """Return the indices of `n` random images of a pool (all of them if it is smaller).

    The committed seed draws them, so nobody who knows the pool and the model knows the points.
    """
    return torch.from_numpy(rng.numpy().permutation(n_images)[:n]).sort().values


def alike(first: Tensor, second: Tensor) -> bool:
    """Say whether two derivations are the same up to another machine's rounding.

    Args:
        first: images, on average at most 0.001 apart, or whole numbers, which must be equal.
        second: the others.
    """
    if first.shape != second.shape:
        return False
    if not first.is_floating_point():
        return torch.equal(first, second)
    return not first.numel() or float((first - second).abs().mean()) <= _SAME


def floats(images: Tensor) -> Tensor:
    """Return images as floats in [0, 1]."""
    return images.float() / 255 if images.dtype == torch.uint8 else images.float()
