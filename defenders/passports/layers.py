"""Passport layers: where they are, and passports that are made of images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from arena.errors import PlayerError
from arena.world import layers
from arena.world.compute import Compute
from arena.world.models import Model
from arena.world.rng import Rng
from defenders.passports.scheme import PassportLayer

N_SHUFFLED = 20
"""Images whose maps a shuffled passport is put together from."""


def conv_inputs(model: Model, images: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """Return what goes into each named convolution, (N, I, H, W), on the CPU."""
    seen: dict[str, Tensor] = {}
    handles = []
    for name in names:

        def keep(_module: nn.Module, inputs: tuple[Tensor, ...], name: str = name) -> None:
            seen[name] = inputs[0].detach().cpu()

        handles.append(model.get_submodule(name).register_forward_pre_hook(keep))
    try:
        Compute().logits(model, images)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def passport_layers(model: Model, n_layers: int) -> tuple[PassportLayer, ...]:
    """Return the last `n_layers` convolutions that have a batch normalisation of their own.

    Raises:
        PlayerError: the model has fewer of them.
    """
    shape = model.card.input_shape
    found = {
        name: norm
        for name, norm in layers.normalised(model, shape).items()
        if isinstance(conv := model.get_submodule(name), nn.Conv2d) and conv.groups == 1
    }
    if len(found) < n_layers:
        raise PlayerError(
            f"expected {n_layers} convolutions with a batch normalisation behind, found "
            f"{len(found)} in {model.card.title}; protect a model with norm = 'batch'"
        )
    names = list(found)[-n_layers:]
    entries = conv_inputs(model, torch.zeros(1, *shape), names)
    return tuple(
        PassportLayer(
            name,
            found[name],
            tuple(layers.weight(model, name).shape),
            tuple(entries[name].shape[1:]),
        )
        for name in names
    )


def image_passports(model: Model, images: Tensor, layer: str) -> Tensor:
    """Return what two of the images (N, *input_shape) put into a layer, (2, I, H, W)."""
    return conv_inputs(model, images[:2], [layer])[layer]


def shuffled_passports(model: Model, images: Tensor, layer: str, rng: Rng) -> Tensor:
    """Return two passports (2, I, H, W), each of channels drawn from the maps of 20 images.

    Channel after channel comes from the next image, and no map gives a channel twice before it has
    given all. Source: Fan et al., NeurIPS 2019.

    Args:
        model: an unprotected one.
        images: (N, *input_shape); the two passports are drawn from different halves.
        layer: the convolution whose inputs the maps are.
        rng: the draws.
    """
    maps = conv_inputs(model, images[: 2 * N_SHUFFLED], [layer])[layer]
    generator = rng.torch()
    made = []
    for half in maps.chunk(2):
        n_maps, n_channels = half.shape[:2]
        orders = torch.stack([torch.randperm(n_channels, generator=generator) for _ in half])
        channel = torch.arange(n_channels)
        source = channel % n_maps
        made.append(half[source, orders[source, channel // n_maps]])
    return torch.stack(made)
