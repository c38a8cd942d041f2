"""Groups of channels: the units of the layer graph, and where each group's tensors lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

Activation = Literal["none", "homogeneous", "odd", "other"]
ChannelSide = Literal["out", "in", "norm", "value"]
"""Outputs or inputs of a layer's weight, a normalisation, axis 1 of a traced node's output."""

NORM_TENSORS = ("weight", "bias", "running_mean", "running_var")


@dataclass(frozen=True)
class Slot:
    """A place on a channel axis: unit u holds entries start + u*block to start + (u+1)*block - 1.

    Attributes:
        layer: name of the module, or of the traced node.
        side: which of its axes.
        start: first entry of the first unit; above 0 behind a concatenation.
        block: entries of one unit; H*W behind a flatten.
        transposed: whether the layer's weight has its inputs first, as transposed convolutions do.
        tensors: the layer's own names of the tensors on whose axis the units lie.
    """

    layer: str
    side: ChannelSide
    start: int = 0
    block: int = 1
    transposed: bool = False
    tensors: tuple[str, ...] = ("weight", "bias")

    @property
    def kernels(self) -> tuple[str, ...]:
        """Return those of the tensors that have inputs and outputs: no biases."""
        return tuple(tensor for tensor in self.tensors if tensor.startswith("weight"))

    def axis(self, tensor: str) -> int:
        """Return the axis on which the units lie in one of the layer's tensors, by its name."""
        is_kernel = self.side in ("out", "in") and tensor.rpartition(".")[2] in self.kernels
        return int((self.side == "in") != self.transposed) if is_kernel else 0


@dataclass(frozen=True)
class Producer:
    """A layer whose outputs are units of the group: rows of its weight and bias.

    Attributes:
        slot: where its rows are.
        norm: the batch normalisation that directly follows, if there is one with scale and shift.
        per_channel: a depthwise convolution, which reads the same units that it writes.
        is_gate: it says how much of a unit is let through, whatever the unit's sign.
    """

    slot: Slot
    norm: Slot | None
    per_channel: bool = False
    is_gate: bool = False


@dataclass(frozen=True)
class Group:
    """Channels that one permutation must move alike: one stream of the network.

    Attributes:
        name: that of the layer whose output is the first to show these channels.
        n_units: number of channels.
        producers: layers that write them, in order of execution.
        norms: normalisations that do not directly follow a producer.
        consumers: layers that read them.
        shown: the values that layers read, which show what the channels do.
        activation: what the channels pass through between producers and consumers.
        may_scale: multiplying a unit by a > 0 and its consumers by 1/a keeps the function; where
            nothing but linear operations lie between, any a but 0.
        may_flip: signs of incoming weights can be reversed.
        may_resize: units can be added and removed.
    """

    name: str
    n_units: int
    producers: tuple[Producer, ...]
    norms: tuple[Slot, ...]
    consumers: tuple[Slot, ...]
    shown: tuple[Slot, ...]
    activation: Activation
    may_scale: bool
    may_resize: bool

    @property
    def may_flip(self) -> bool:
        """Whether a norm behind a producer, or an odd activation, undoes a reversed sign."""
        return self.flips_in_norms or self.is_odd

    @property
    def flips_in_norms(self) -> bool:
        """Whether some producer is directly followed by a batch normalisation."""
        return any(producer.norm for producer in self.producers)

    @property
    def is_odd(self) -> bool:
        """Whether reversing the sign of a unit's output reverses what its consumers read."""
        linear = self.activation == "none" and self.may_scale
        return linear or (self.activation == "odd" and not self.norms)

    def rows(self) -> Iterator[tuple[str, Slot]]:
        """Yield the tensors that write the units; biases may not exist."""
        for producer in self.producers:
            for tensor in producer.slot.tensors:
                yield f"{producer.slot.layer}.{tensor}", producer.slot
        for slot in self.all_norms():
            for tensor in NORM_TENSORS:
                yield f"{slot.layer}.{tensor}", slot

    def columns(self) -> Iterator[tuple[str, Slot]]:
        """Yield the weights that read the units."""
        for slot in self.consumers:
            for tensor in slot.kernels:
                yield f"{slot.layer}.{tensor}", slot

    def all_norms(self) -> Iterator[Slot]:
        """Yield the slots of all normalisations."""
        yield from (producer.norm for producer in self.producers if producer.norm)
        yield from self.norms

    def slots(self) -> Iterator[Slot]:
        """Yield all slots."""
        yield from (producer.slot for producer in self.producers)
        yield from self.all_norms()
        yield from self.consumers
        yield from self.shown

    def moved(self, move: Callable[[Slot], Slot], n_units: int) -> Group:
        """Return the group with other slots and another number of units."""
        return replace(
            self,
            n_units=n_units,
            producers=tuple(
                replace(p, slot=move(p.slot), norm=move(p.norm) if p.norm else None)
                for p in self.producers
            ),
            norms=tuple(map(move, self.norms)),
            consumers=tuple(map(move, self.consumers)),
            shown=tuple(map(move, self.shown)),
        )
