"""What a network says of its hidden units: where they are written, and who reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class HiddenUnits:
    """The hidden units of one LSTM or GRU, by the names of a network's modules.

    Attributes:
        rnn: of one level and one direction.
        writers: linear layers whose outputs are its first hidden state, or an odd function of it,
            and its first cell; none where these are zero.
        shown: an identity through which each new hidden state passes to its `readers`.
        readers: linear layers that read it there.
        fed: an identity through which each hidden state, the first one too, passes to the LSTM's
            next step and to the `fed_readers`; "" where there is none.
        fed_readers: linear layers that read it there.
    """

    rnn: str
    writers: tuple[str, ...]
    shown: str
    readers: tuple[str, ...]
    fed: str = ""
    fed_readers: tuple[str, ...] = ()


@runtime_checkable
class Recurrent(Protocol):
    """A network with hidden units that can be rewritten."""

    hidden_units: HiddenUnits
