"""RIGA: bits that a trained network reads from the weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from arena.game.rules.key_form import Count, KeyForm, Shape, Tensors, shape_problem
from arena.game.rules.keys import expand, random_bits
from defenders.weights.scheme.uchida import carrier_size

Perceptron = tuple[Tensor, Tensor, Tensor, Tensor]
"""Weights and biases of a network with one hidden layer."""


def perceptron(net: Perceptron, rows: Tensor) -> Tensor:
    """Return the outputs (B, n_out) of a network on rows (B, n_in)."""
    weight, bias, head, shift = net
    return F.linear(hidden(weight, bias, rows), head, shift)


def hidden(weight: Tensor, bias: Tensor, rows: Tensor) -> Tensor:
    """Return the hidden units (B, n_hidden) on rows (B, n_in): a leaky ReLU of slope 0.2."""
    return F.leaky_relu(F.linear(rows, weight, bias), 0.2)


def key_material(seed: str, n_bits: int) -> dict[str, Tensor]:
    """Return the bits (T,) that a seed expands to."""
    return {"bits": random_bits(expand(seed, "riga bits"), n_bits)}


@dataclass(frozen=True, kw_only=True)
class RigaKey(KeyForm):
    """An extractor, and the bits that it reads from a layer.

    Attributes:
        layer, shape: of the weights. n_bits: T. bits: (T,).
        extractor: "0" to "3", weights and biases of its two layers.
        unit: (1,) the size of unmarked weights, by which carriers are divided.
    """

    layer: str
    shape: Shape
    n_bits: Count
    bits: Tensor
    extractor: Tensors
    unit: Tensor

    @property
    def net(self) -> Perceptron:
        """The extractor in float64."""
        weight, bias, head, shift = (self.extractor[str(i)].double() for i in range(4))
        return weight, bias, head, shift

    def scaled(self, rows: Tensor) -> Tensor:
        """Return carriers (B, M) as the extractor reads them, in float64."""
        return rows.double() / self.unit.double()

    def extracted(self, rows: Tensor) -> Tensor:
        """Return the bits (B, T) that the extractor reads from carriers (B, M)."""
        return perceptron(self.net, self.scaled(rows)) >= 0

    def units(self, row: Tensor) -> Tensor:
        """Return the extractor's hidden units (1, h) on a carrier (M,)."""
        weight, bias, _, _ = self.net
        return hidden(weight, bias, self.scaled(row[None]))

    @property
    def rows(self) -> Tensor:
        """The extractor's last layer (T, h + 1), the bias last, in float64."""
        _, _, head, shift = self.net
        return torch.cat([head, shift[:, None]], 1)

    def with_rows(self, rows: Tensor) -> RigaKey:
        """Return the key with another last layer (T, h + 1) of the extractor."""
        rows = rows.to(self.extractor["2"])
        head = {"2": rows[:, :-1].contiguous(), "3": rows[:, -1].contiguous()}
        return replace(self, extractor={**self.extractor, **head})

    def expanded(self, seed: str) -> RigaKey:
        """Return the key with the bits of a seed; no seed gives what was trained."""
        return replace(self, bits=key_material(seed, self.n_bits)["bits"])

    def problems(self) -> Iterator[str]:
        """Yield what does not fit the layer."""
        yield from shape_problem("bits", self.bits, self.n_bits)
        yield from shape_problem("unit", self.unit, 1)
        if set(self.extractor) != {"0", "1", "2", "3"}:
            yield f"expected the extractor's tensors 0 to 3, found {sorted(self.extractor)}"
            return
        n_hidden = len(self.extractor["1"])
        sizes = ((n_hidden, carrier_size(self.shape)), (n_hidden,), (self.n_bits, n_hidden))
        for i, size in enumerate((*sizes, (self.n_bits,))):
            yield from shape_problem(f"extractor/{i}", self.extractor[str(i)], *size)
