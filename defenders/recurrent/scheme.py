"""Public: how a batch of sequences keys a recurrent cell, and the form of RecurrentIPR's keys.

Source: Tan, Chan and Ng: An embarrassingly simple approach for intellectual property rights
protection on recurrent neural networks, AACL 2022.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.errors import NotComparable
from arena.game.rules.key_form import Count, KeyForm, Shape, shape_problem
from arena.game.rules.keys import expand, random_bits
from arena.world.layers import RECURRENT
from arena.world.models import Model
from arena.world.models.nets.recurrence import Recurrent

_BODY = "body."


@dataclass(frozen=True, kw_only=True)
class SequenceKey(KeyForm):
    """A batch of sequences, and the bits that its first hidden state spells.

    Attributes:
        n_units: of the hidden state. entry: (S, D) steps and numbers of a sequence. n_sequences: K.
        sequences: (K, S, D), the key. bits: (H,).
        images: (M, *input_shape) that show what the key does. labels: (M,); not of the seed.
    """

    n_units: Count
    entry: Shape
    n_sequences: Count
    sequences: Tensor
    bits: Tensor
    images: Tensor
    labels: Tensor

    def expanded(self, seed: str) -> SequenceKey:
        """Return the key with the sequences and the bits of a seed."""
        return replace(
            self,
            sequences=drawn_sequences(seed, self.n_sequences, self.entry),
            bits=random_bits(expand(seed, "recurrent signature"), self.n_units),
        )

    def problems(self) -> Iterator[str]:
        """Yield what does not fit."""
        if len(self.entry) != 2:
            yield f"expected sequences of (S, D), found {tuple(self.entry)}"
            return
        yield from shape_problem("sequences", self.sequences, self.n_sequences, *self.entry)
        yield from shape_problem("bits", self.bits, self.n_units)
        yield from shape_problem("labels", self.labels, len(self.images))


def drawn_sequences(seed: str, n: int, entry: Sequence[int]) -> Tensor:
    """Return the sequences (n, S, D), normal numbers, that a seed expands to."""
    return torch.randn(n, *entry, generator=expand(seed, "recurrent key").torch())


class Walk(NamedTuple):
    """One pass of sequences through a cell.

    Attributes:
        last: (B, H) hidden states behind the last step. first: (B, H) behind the first.
        gates: (H,) for each step: the gate that keys a state, mean over the batch.
    """

    last: Tensor
    first: Tensor
    gates: list[Tensor]


def cell_of(model: Model) -> nn.LSTM | nn.GRU:
    """Return the recurrent layer of a model that reads sequences from a zero state.

    Raises:
        NotComparable: it has none.
    """
    units = model.body.hidden_units if isinstance(model.body, Recurrent) else None
    if units is None or units.writers:
        raise NotComparable(f"expected a recurrent reader of sequences, found {model.card.title}")
    rnn = model.get_submodule(_BODY + units.rnn)
    assert isinstance(rnn, RECURRENT)  # noqa: S101 - what hidden units are of
    return rnn


def walk(rnn: nn.LSTM | nn.GRU, sequences: Tensor, key: Sequence[Tensor] = ()) -> Walk:
    """Return what a cell does with sequences (B, S, D), keyed where a key is given.

    Args:
        rnn: of one level.
        sequences: (B, S, D).
        key: for each step the gate (H,) that multiplies hidden state and cell behind it.
    """
    hidden = cell = sequences.new_zeros(len(sequences), rnn.hidden_size)
    gates, states = [], []
    for step in range(sequences.shape[1]):
        hidden, cell, gate = _step(rnn, sequences[:, step], hidden, cell)
        gates.append(gate.mean(0))
        states.append(hidden)
        if key:
            hidden, cell = hidden * key[step], cell * key[step]
    return Walk(hidden, states[0], gates)


def _step(
    rnn: nn.LSTM | nn.GRU, entry: Tensor, hidden: Tensor, cell: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return hidden state, cell, and the forget gate of an LSTM or the reset gate of a GRU."""
    read = F.linear(entry, rnn.get_parameter("weight_ih_l0"), rnn.get_parameter("bias_ih_l0"))
    held = F.linear(hidden, rnn.get_parameter("weight_hh_l0"), rnn.get_parameter("bias_hh_l0"))
    if isinstance(rnn, nn.LSTM):
        into, forget, candidate, out = (read + held).chunk(4, 1)
        cell = forget.sigmoid() * cell + into.sigmoid() * candidate.tanh()
        return out.sigmoid() * cell.tanh(), cell, forget.sigmoid()
    (reset, update, candidate), (reset_h, update_h, candidate_h) = (
        read.chunk(3, 1),
        held.chunk(3, 1),
    )
    reset, update = (reset + reset_h).sigmoid(), (update + update_h).sigmoid()
    hidden = (1 - update) * (candidate + reset * candidate_h).tanh() + update * hidden
    return hidden, cell, reset


def entries(model: Model, images: Tensor) -> Tensor:
    """Return the sequences (B, S, D) that a model reads images (B, C, H, W) in [0, 1] as."""
    sequences: Tensor = model.get_submodule("body.rows")(model.normalise(images))
    return sequences


def keyed_logits(model: Model, images: Tensor, sequences: Tensor) -> Tensor:
    """Return the logits (B, n_classes) of a model whose states a key (K, S, D) keys."""
    rnn = cell_of(model)
    found = walk(rnn, entries(model, images), walk(rnn, sequences).gates)
    logits: Tensor = model.get_submodule("body.fc")(found.last)
    return logits


def sign_loss(first: Tensor, signs: Tensor, margin: float) -> Tensor:
    """Return the sum over units of ReLU(margin - h g), h the mean of first states (K, H).

    >>> float(sign_loss(torch.tensor([[0.5, -0.5]]), torch.tensor([1.0, 1.0]), 0.5))
    1.0
    """
    return (margin - first.mean(0) * signs).relu().sum()
