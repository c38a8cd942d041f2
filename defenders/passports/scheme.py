"""Public: the maths of passports, and the form of their keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.game.rules.key_form import KeyForm, Shape, Tensors, shape_problem
from arena.game.rules.keys import expand, random_bits
from arena.world.rng import Rng

PassportKind = Literal["random", "image", "shuffle"]
"""What passports are made of."""

Bottleneck = tuple[Tensor, Tensor]
"""Weights (C / 4, C) and (C, C / 4) of two linear layers without biases."""


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
    shape: Shape
    entry: Shape

    @property
    def n_bits(self) -> int:
        """Return how many signs the layer has: one an output channel."""
        return self.shape[0]


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


def response(passports: Tensor, conv: nn.Conv2d) -> Tensor:
    """Return Avg(W * P), (2, O), of a layer to the passports (2, I, H, W) of scale and shift."""
    scale, shift = affine(conv.weight.to(passports), footprints(passports, conv))
    return torch.stack([scale, shift])


def squeezed(net: Bottleneck, values: Tensor) -> Tensor:
    """Return what the bottleneck makes of a scale or a shift (C,).

    Source: Zhang et al., NeurIPS 2020.
    """
    narrow, wide = net
    return F.linear(F.leaky_relu(F.linear(values, narrow)), wide)


def uniform_passports(rng: Rng, entry: tuple[int, ...]) -> Tensor:
    """Return two passports (2, I, H, W), uniform in [-1, 1]."""
    return torch.from_numpy(rng.numpy().uniform(-1, 1, (2, *entry))).float()


@dataclass(frozen=True, kw_only=True)
class Passports(KeyForm):
    """What runs a private branch; also what is exposed to a thief that knows a passport.

    Attributes:
        layers: where passports are. maps: "0", "1", ...: (2, I, H, W) for each layer, of scale and
            shift. bottlenecks: "0/0", "0/1", "1/0", ...: the two weights of each layer's network.
    """

    layers: tuple[PassportLayer, ...]
    maps: Tensors = field(metadata={"name": "passport"})
    bottlenecks: Tensors = field(default_factory=dict, metadata={"name": "bottleneck"})

    def pairs(self) -> Iterator[tuple[PassportLayer, Tensor]]:
        """Yield each layer with its passports (2, I, H, W)."""
        for i, place in enumerate(self.layers):
            yield place, self.maps[str(i)]

    def bottleneck(self, i: int) -> Bottleneck | None:
        """Return the network behind the passports of the i-th layer; None where there is none."""
        if f"{i}/0" not in self.bottlenecks:
            return None
        return self.bottlenecks[f"{i}/0"], self.bottlenecks[f"{i}/1"]

    def problems(self) -> Iterator[str]:
        """Yield what does not fit the layers."""
        wanted = {str(i) for i in range(len(self.layers))}
        if set(self.maps) != wanted:
            yield f"expected passports of {len(wanted)} layers, found {len(self.maps)}"
            return
        for i, (place, maps) in enumerate(self.pairs()):
            yield from shape_problem(f"passport/{i}", maps, 2, *place.entry)
        both = {f"{i}/{j}" for i in wanted for j in range(2)}
        if self.bottlenecks and set(self.bottlenecks) != both:
            yield f"expected two weights of a network for each layer, found {len(self.bottlenecks)}"
            return
        for name, weight in self.bottlenecks.items():
            n_bits, part = self.layers[int(name[: name.index("/")])].n_bits, name[-1]
            size = (None, n_bits) if part == "0" else (n_bits, None)
            yield from shape_problem(f"bottleneck/{name}", weight, *size)


@dataclass(frozen=True, kw_only=True)
class PassportKey(Passports):
    """Passports, the bits in the signs of the scales, and the images that show what they do.

    Attributes:
        source: what the passports are made of. bits: (T,), one for each channel of each layer.
        images: (K, *input_shape). labels: (K,).
        claimed_accuracy: of the private branch on them, in [0, 1], as the owner states it.
    """

    source: PassportKind = field(metadata={"name": "passports"})
    bits: Tensor
    images: Tensor = field(metadata={"name": "shown/images"})
    labels: Tensor = field(metadata={"name": "shown/labels"})
    claimed_accuracy: float | None = None

    def expanded(self, seed: str) -> PassportKey:
        """Return the key with the bits and, where they are random, the passports of a seed."""
        material = replace(self, bits=drawn_bits(seed, self.layers))
        if self.source != "random":
            return material
        return replace(material, maps=drawn_passports(seed, self.layers))

    def problems(self) -> Iterator[str]:
        """Yield what does not fit the layers or the images."""
        yield from super().problems()
        yield from shape_problem("bits", self.bits, sum(place.n_bits for place in self.layers))
        yield from shape_problem("shown/labels", self.labels, len(self.images))


def drawn_bits(seed: str, layers: tuple[PassportLayer, ...]) -> Tensor:
    """Return the bits (T,) that a seed expands to: one for each channel of each layer."""
    return random_bits(expand(seed, "passport bits"), sum(place.n_bits for place in layers))


def drawn_passports(seed: str, layers: tuple[PassportLayer, ...]) -> Tensors:
    """Return the random passports (2, I, H, W) of each layer that a seed expands to."""
    return {
        str(i): uniform_passports(expand(seed, f"passport {i}"), place.entry)
        for i, place in enumerate(layers)
    }
