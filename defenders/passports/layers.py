"""Passport layers: where they are, what passports are made of, what they make of the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.errors import PlayerError
from arena.world import layers
from arena.world.compute import Compute
from arena.world.json_values import Json, Raw
from arena.world.models import Model
from arena.world.rng import Rng

PassportKind = Literal["random", "image", "shuffle"]

N_SHUFFLED = 20
"""Images whose maps a shuffled passport is put together from."""


@dataclass(frozen=True)
class PassportLayer:
    """A convolution and the batch normalisation behind it, whose scale and shift a passport gives.

    Attributes:
        conv, norm: names of the modules.
        shape: (O, I, kh, kw) of the convolution's weight.
        entry: (I, H, W) of its input, which is the shape of a passport.
    """

    conv: str
    norm: str
    shape: tuple[int, ...]
    entry: tuple[int, ...]

    @property
    def n_bits(self) -> int:
        """Return how many signs the layer has: one an output channel."""
        return self.shape[0]

    def plain(self) -> dict[str, Json]:
        """Return the layer as JSON values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def read(cls, data: Mapping[str, Raw]) -> PassportLayer:
        """Read a layer back."""
        return cls(data["conv"], data["norm"], tuple(data["shape"]), tuple(data["entry"]))


def places_of(settings: Mapping[str, Raw]) -> tuple[PassportLayer, ...]:
    """Return the passport layers of a key."""
    return tuple(PassportLayer.read(data) for data in settings["layers"])


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


def footprint(passport: Tensor, conv: nn.Conv2d) -> Tensor:
    """Return the vector (I * kh * kw,) with which a filter's product is its mean response.

    Avg over positions of (W * P) is linear in W: it is W, laid flat, times the mean patch of P.

    Args:
        passport: (I, H, W).
        conv: gives kernel, stride, padding and dilation.
    """
    padding = conv.padding if isinstance(conv.padding, tuple) else (0, 0)
    patches = F.unfold(passport[None], conv.kernel_size, conv.dilation, padding, conv.stride)
    return patches[0].mean(1)


def footprints(passports: Tensor, conv: nn.Conv2d) -> Tensor:
    """Return the footprints (2, I * kh * kw) of the passports (2, I, H, W) of scale and shift."""
    return torch.stack([footprint(passport, conv) for passport in passports])


def affine(weight: Tensor, feet: Tensor) -> tuple[Tensor, Tensor]:
    """Return scale and shift (O,): Avg(W * P) for both passports. Source: Fan et al. 2019, eq. 1.

    Args:
        weight: (O, I, kh, kw).
        feet: (2, I * kh * kw), see `footprint`.
    """
    scale, shift = feet @ weight.flatten(1).T
    return scale, shift


def uniform_passports(rng: Rng, entry: tuple[int, ...]) -> Tensor:
    """Return two passports (2, I, H, W), uniform in [-1, 1]."""
    return torch.from_numpy(rng.numpy().uniform(-1, 1, (2, *entry))).float()


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
