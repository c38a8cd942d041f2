"""Uchida's watermark: bits in the signs of a projection of averaged weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from arena.game.rules.key_form import Count, KeyForm, Shape, shape_problem
from arena.game.rules.keys import expand, random_bits


def carrier(weight: Tensor) -> Tensor:
    """Return the vector (M,) that carries the bits: the mean over output filters, flattened.

    Args:
        weight: (O, I, kh, kw), or (O, I) of a linear layer, which is flattened whole.
    """
    return weight.mean(0).flatten() if weight.dim() == 4 else weight.flatten()


def carrier_size(shape: Shape) -> int:
    """Return M for a weight of this shape."""
    per_filter = torch.Size(shape[1:]).numel()
    return per_filter if len(shape) == 4 else per_filter * shape[0]


def project(matrix: Tensor, weight: Tensor) -> Tensor:
    """Return the scores (T,) whose signs are the bits: matrix (T, M) times the carrier (M,)."""
    return matrix @ carrier(weight)


def key_material(seed: str, n_bits: int, size: int) -> dict[str, Tensor]:
    """Return the projection (T, M), standard normal, and the bits (T,), expanded from a seed."""
    draw = expand(seed, "uchida matrix").numpy().standard_normal((n_bits, size))
    return {
        "matrix": torch.from_numpy(draw).float(),
        "bits": random_bits(expand(seed, "uchida bits"), n_bits),
    }


@dataclass(frozen=True, kw_only=True)
class UchidaKey(KeyForm):
    """Where the bits are and how they are read.

    Attributes:
        layer, shape: of the weights. n_bits: T.
        matrix: (T, M). bits: (T,) what the owner wrote.
    """

    layer: str
    shape: Shape
    n_bits: Count
    matrix: Tensor
    bits: Tensor

    @classmethod
    def from_seed(cls, seed: str, layer: str, shape: Shape, n_bits: int) -> UchidaKey:
        """Return the key that a seed expands to."""
        material = key_material(seed, n_bits, carrier_size(shape))
        return cls(layer=layer, shape=shape, n_bits=n_bits, **material)

    def expanded(self, seed: str) -> UchidaKey:
        """Return the key with the projection and the bits of a seed."""
        drawn = key_material(seed, self.n_bits, carrier_size(self.shape))
        return replace(self, matrix=drawn["matrix"], bits=drawn["bits"])

    def problems(self) -> Iterator[str]:
        """Yield what does not fit the layer."""
        yield from shape_problem("matrix", self.matrix, self.n_bits, carrier_size(self.shape))
        yield from shape_problem("bits", self.bits, self.n_bits)
