"""Lottery verification: a code in which kernels of a convolution are empty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from arena.game.rules.key_form import Count, KeyForm, Shape, shape_problem
from arena.game.rules.keys import expand, random_bits


def code_of(payload: Tensor, pad: Tensor) -> Tensor:
    """Return the modules (rows, columns) of a payload (K,): repeated, then masked by the pad.

    The pad makes each module a fair coin of its own, whatever the others are.
    """
    n = pad.numel()
    repeated = payload.repeat(-(-n // len(payload)))[:n].view(pad.shape)
    return repeated ^ pad


def decoded(found: Tensor, pad: Tensor, n_bits: int) -> Tensor:
    """Return the payload (n_bits,) that most of its repetitions in modules (rows, columns) say."""
    votes = (found.to(pad) ^ pad).flatten().double() * 2 - 1
    totals = torch.zeros(n_bits, dtype=torch.float64)
    return (totals.index_add(0, torch.arange(len(votes)) % n_bits, votes) > 0).to(torch.uint8)


def kernel_norms(weight: Tensor) -> Tensor:
    """Return the sum of magnitudes (O, I) of each kernel of a convolution (O, I, kh, kw)."""
    return weight.abs().sum((2, 3))


def present(norms: Tensor, n_ones: int) -> Tensor:
    """Return which kernels (rows, columns) count as there: the n largest, none that is empty.

    A threshold on magnitudes survives dense fine-tuning, which fills empty kernels a little.
    """
    largest = norms.flatten().topk(n_ones).indices
    found = torch.zeros(norms.numel(), dtype=torch.bool).index_fill(0, largest, True)
    return found.view(norms.shape) & (norms > 0)


def key_material(seed: str, rows: int, columns: int, n_bits: int) -> dict[str, Tensor]:
    """Return the payload (n_bits,) and the pad (rows, columns) that a seed expands to."""
    pad = random_bits(expand(seed, "lottery pad"), rows * columns)
    payload = random_bits(expand(seed, "lottery payload"), n_bits)
    return {"payload": payload, "pad": pad.view(rows, columns)}


@dataclass(frozen=True, kw_only=True)
class LotteryKey(KeyForm):
    """A code, and the window of a layer's kernels in which it is written.

    Attributes:
        layer, shape: of the convolution (O, I, kh, kw). row, column: of the window's first kernel.
        rows, columns: of the code. n_bits: of the payload.
        payload: (n_bits,). pad: (rows, columns).
    """

    layer: str
    shape: Shape
    row: int
    column: int
    rows: Count
    columns: Count
    n_bits: Count
    payload: Tensor
    pad: Tensor

    @property
    def code(self) -> Tensor:
        """The modules (rows, columns)."""
        return code_of(self.payload, self.pad)

    def window(self, weight: Tensor) -> Tensor:
        """Return the norms (rows, columns) of the kernels in the window of a weight."""
        row, column = self.row, self.column
        return kernel_norms(weight)[row : row + self.rows, column : column + self.columns]

    def expanded(self, seed: str) -> LotteryKey:
        """Return the key with the payload and the pad of a seed."""
        drawn = key_material(seed, self.rows, self.columns, self.n_bits)
        return replace(self, payload=drawn["payload"], pad=drawn["pad"])

    def problems(self) -> Iterator[str]:
        """Yield what does not fit the layer or the code."""
        yield from shape_problem("payload", self.payload, self.n_bits)
        yield from shape_problem("pad", self.pad, self.rows, self.columns)
        if len(self.shape) != 4:
            yield f"expected the weight of a convolution, found a shape of {self.shape}"
            return
        ends = (self.row + self.rows, self.column + self.columns)
        if min(self.row, self.column) < 0 or ends[0] > self.shape[0] or ends[1] > self.shape[1]:
            yield f"expected a window inside {self.shape[:2]} kernels, found one up to {ends}"
