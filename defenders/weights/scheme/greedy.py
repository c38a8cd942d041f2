"""Greedy residuals: a signature's hash in the signs of averaged large weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

import torch.nn.functional as F
from torch import Tensor

from arena.game.rules.key_form import Count, KeyForm, Shape
from arena.game.rules.keys import expand
from defenders.weights.scheme.signature import MOST_BITS, bits_of, is_signed, signed

_PURPOSE = "greedy key pair"


def residuals(weight: Tensor, n_rows: int, n_columns: int, divider: int) -> Tensor:
    """Return the greedy residuals (n_rows,) of a weight of any shape.

    The weight is laid flat, cut to a multiple of the columns and pooled to rows x columns; in each
    row the 1 / divider of entries that are smallest in magnitude count as zero; the residual is
    the row's sum divided by all its columns. Source: Liu, Weng, Zhu 2021, section 3.
    """
    flat = weight.flatten()
    flat = flat[: len(flat) // n_columns * n_columns]
    size = n_rows * n_columns
    pooled = flat if len(flat) == size else F.adaptive_avg_pool1d(flat[None], size)[0]
    rows = pooled.view(n_rows, n_columns)
    n_kept = n_columns - n_columns // divider
    largest = rows.detach().abs().topk(n_kept, dim=1).indices  # (n_rows, n_kept)
    return rows.gather(1, largest).sum(1) / n_columns


@dataclass(frozen=True, kw_only=True)
class GreedyKey(KeyForm):
    """A signed message, and where the hash of its signature is written.

    Attributes:
        layer, shape: of the weights. message: that is signed.
        n_bits: rows. columns: of a row. divider: a row leaves out 1 / divider of its weights.
        modulus, signature: of the owner's public key and of the message, bytes (256,) each.
    """

    layer: str
    shape: Shape
    message: str
    n_bits: Count
    columns: Count
    divider: Count
    modulus: Tensor
    signature: Tensor

    @classmethod
    def from_seed(
        cls, seed: str, layer: str, shape: Shape, message: str, sizes: tuple[int, int, int]
    ) -> GreedyKey:
        """Return the key that a seed expands to; the sizes are bits, columns and divider."""
        n_bits, columns, divider = sizes
        return cls(
            layer=layer,
            shape=shape,
            message=message,
            n_bits=n_bits,
            columns=columns,
            divider=divider,
            **signed(message, expand(seed, _PURPOSE)),
        )

    def expanded(self, seed: str) -> GreedyKey:
        """Return the key with the message signed by the key pair of a seed."""
        made = signed(self.message, expand(seed, _PURPOSE))
        return replace(self, modulus=made["modulus"], signature=made["signature"])

    @property
    def bits(self) -> Tensor:
        """The bits (n_bits,) that the signature hashes to."""
        return bits_of(self.signature, self.n_bits)

    def problems(self) -> Iterator[str]:
        """Yield what does not fit the layer, and a signature that is none."""
        if self.n_bits > MOST_BITS:
            yield f"expected at most {MOST_BITS} bits of a hash, found {self.n_bits}"
        if prod(self.shape) < self.columns:
            yield f"expected a layer of {self.columns} weights, found {prod(self.shape)}"
        if not is_signed(self.message, self.modulus, self.signature):
            yield "the signature is not that of the message"
