"""Hidden units of an LSTM as a group of channels: what writes them, what reads them, their signs.

A unit has a row in each of the four gates, in what reads the input and in what reads the hidden
state, and a column in whatever reads that state. It can be reversed: where its candidate, its first
hidden state and its first cell are, so are cell and output (tanh is odd), and the gates do not
change when all that read it undo it.

Source: the algebra of Yan et al. 2023 ("invariant neuron transforms"), for the cell of Hochreiter
and Schmidhuber 1997; own derivation.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from arena.errors import NotComparable
from arena.world.graph.groups import Group, Producer, Slot
from arena.world.models import Model
from arena.world.models.nets.recurrence import HiddenUnits

_BODY = "body."
_CANDIDATE = 2  # torch's order of the gates is input, forget, candidate, output
_N_GATES = 4
_ROWS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


def hidden_group(model: Model, units: HiddenUnits) -> Group:
    """Return the group of the hidden units of a model whose body says where they are.

    Raises:
        NotComparable: their layer is no LSTM of one level and one direction.
    """
    lstm = model.get_submodule(_BODY + units.lstm)
    if not isinstance(lstm, nn.LSTM) or lstm.num_layers > 1 or lstm.bidirectional:
        raise NotComparable(
            f"expected an LSTM of one level and one direction in {model.card.title}, found "
            f"{type(lstm).__name__}"
        )
    layer = _BODY + units.lstm
    readers = tuple(Slot(_BODY + name, "in") for name in (*units.readers, *units.fed_readers))
    return Group(
        name=layer,
        n_units=lstm.hidden_size,
        producers=(
            *(Producer(Slot(_BODY + name, "out"), None) for name in units.writers),
            *_gates(layer, lstm.hidden_size),
        ),
        norms=(),
        consumers=(Slot(layer, "in", tensors=("weight_hh_l0",)), *readers),
        shown=(Slot(_BODY + units.shown, "value"),),
        activation="odd",
        may_scale=False,
        may_resize=False,
    )


def _gates(layer: str, n_units: int) -> Iterator[Producer]:
    for gate in range(_N_GATES):
        slot = Slot(layer, "out", start=gate * n_units, tensors=_ROWS)
        yield Producer(slot, None, is_gate=gate != _CANDIDATE)
