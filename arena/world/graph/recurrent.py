"""Hidden units of an LSTM or GRU as a group of channels: what writes and reads them, their signs.

A unit has a row in each gate, in what reads the input and in what reads the hidden state, and a
column in whatever reads that state. It can be reversed: where its candidate, its first hidden state
and its first cell are, so are cell and output (tanh is odd), and the gates do not change when all
that read it undo it.

Source: the algebra of Yan et al. 2023 ("invariant neuron transforms"), for the cells of Hochreiter
and Schmidhuber 1997 and of Cho et al. 2014; own derivation.
"""

from __future__ import annotations

from collections.abc import Iterator

from arena.errors import NotComparable
from arena.world.graph.groups import Group, Producer, Slot
from arena.world.layers import RECURRENT
from arena.world.models import Model
from arena.world.models.nets.recurrence import HiddenUnits

_BODY = "body."
_GATES = {"LSTM": "ifno", "GRU": "rzn"}  # in torch's order; n is the candidate
_ROWS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


def hidden_group(model: Model, units: HiddenUnits) -> Group:
    """Return the group of the hidden units of a model whose body says where they are.

    Raises:
        NotComparable: their layer is no LSTM or GRU of one level and one direction.
    """
    layer = _BODY + units.rnn
    rnn = model.get_submodule(layer)
    if not isinstance(rnn, RECURRENT) or rnn.num_layers > 1 or rnn.bidirectional:
        raise NotComparable(
            f"expected an LSTM or GRU of one level and one direction in {model.card.title}, found "
            f"{type(rnn).__name__}"
        )
    readers = tuple(Slot(_BODY + name, "in") for name in (*units.readers, *units.fed_readers))
    return Group(
        name=layer,
        n_units=rnn.hidden_size,
        producers=(
            *(Producer(Slot(_BODY + name, "out"), None) for name in units.writers),
            *_gates(layer, type(rnn).__name__, rnn.hidden_size),
        ),
        norms=(),
        consumers=(Slot(layer, "in", tensors=("weight_hh_l0",)), *readers),
        shown=(Slot(_BODY + units.shown, "value"),),
        activation="odd",
        may_scale=False,
        may_resize=False,
    )


def _gates(layer: str, cell: str, n_units: int) -> Iterator[Producer]:
    for place, gate in enumerate(_GATES[cell]):
        slot = Slot(layer, "out", start=place * n_units, tensors=_ROWS)
        yield Producer(slot, None, is_gate=gate != "n")
