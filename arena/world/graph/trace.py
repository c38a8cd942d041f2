"""The layer graph of a model: its groups of channels, found by tracing its forward pass.

Source: the structure constraints of Yan et al. 2023 ("invariant neuron transforms"); the traced
graph is that of `torch.fx`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import fx, nn

from arena.errors import NotComparable, did_you_mean
from arena.world.graph.assemble import groups_of
from arena.world.graph.groups import Group, Slot
from arena.world.graph.operations import is_understood
from arena.world.graph.recurrent import hidden_group
from arena.world.graph.tie_channels import Walk
from arena.world.layers import WEIGHTED
from arena.world.models import Model
from arena.world.models.nets.recurrence import Recurrent


@dataclass(frozen=True)
class LayerGraph:
    """The groups of a model, in the order in which its forward pass first produces them.

    Channels of the input and the output, and what meets an operation that is not understood, are in
    none.

    Attributes:
        groups: the groups.
        left: layers with weights whose outputs no rewriting changes -> why, in words.
    """

    groups: tuple[Group, ...]
    left: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Model) -> LayerGraph:
        """Trace a model; it is only read.

        The graph of a model that `torch.fx` cannot trace has no groups. Of one that goes through
        hidden units word by word these are the only ones.
        """
        copied = model.copy().cpu().eval()
        if isinstance(model.body, Recurrent):
            hidden = hidden_group(copied, model.body.hidden_units)
            return cls((hidden,), _left(copied, (hidden,), "only hidden units are followed"))
        try:
            traced = fx.symbolic_trace(copied)
        except (fx.proxy.TraceError, TypeError, ValueError, RuntimeError):
            return cls((), _left(copied, (), "the forward pass cannot be traced"))
        blank = model.kind.blank(model.card)
        found = tuple(groups_of(Walk(traced, torch.cat([blank, blank]), _shared(copied))))
        why = "its outputs are the model's, or meet what is not understood"
        return cls(found, _left(copied, found, why))

    @classmethod
    def to_rewrite(cls, model: Model) -> LayerGraph:
        """Return the graph of a model in which something can be rewritten.

        Raises:
            NotComparable: it has no groups; names every layer that is left as it is, and why.
        """
        graph = cls.of(model)
        if graph.groups:
            return graph
        named = "; ".join(f"{layer}: {why}" for layer, why in graph.left.items()) or "it has none"
        raise NotComparable(
            f"expected a model with layers whose units can be rewritten, found {model.card.title} "
            f"({named}); choose another move"
        )

    def __getitem__(self, name: str) -> Group:
        """Return the group of that name.

        Raises:
            NotComparable: there is none.
        """
        for group in self.groups:
            if group.name == name:
                return group
        known = [group.name for group in self.groups]
        raise NotComparable(f"no group of channels is named {name!r}{did_you_mean(name, known)}")

    def writing(self, layer: str) -> tuple[Group, ...]:
        """Return the groups to which the outputs of a layer belong."""
        return self._with(layer, "out")

    def reading(self, layer: str) -> tuple[Group, ...]:
        """Return the groups to which the inputs of a convolution or linear layer belong."""
        return self._with(layer, "in")

    def resized(self, name: str, n_units: int) -> LayerGraph:
        """Return the graph of the same network after a group got another number of units."""
        changed = self[name]
        extra = n_units - changed.n_units
        starts = [(slot.layer, slot.side, slot.start, slot.block) for slot in changed.slots()]

        def move(slot: Slot) -> Slot:
            before = sum(
                block
                for layer, side, start, block in starts
                if (layer, side) == (slot.layer, slot.side) and start < slot.start
            )
            return replace(slot, start=slot.start + extra * before)

        return LayerGraph(
            tuple(
                group.moved(move, n_units if group.name == name else group.n_units)
                for group in self.groups
            ),
            self.left,
        )

    def _with(self, layer: str, side: str) -> tuple[Group, ...]:
        place = (layer, side)
        return tuple(
            group
            for group in self.groups
            if any((slot.layer, slot.side) == place for slot in group.slots())
        )


def _left(network: nn.Module, groups: Sequence[Group], why: str) -> dict[str, str]:
    """Return the layers with weights that write no group, and why each of them does not."""
    written = {producer.slot.layer for group in groups for producer in group.producers}
    return {
        name: why
        if is_understood(module)
        else f"no rewriting of a {type(module).__name__} is known"
        for name, module in network.named_modules()
        if isinstance(module, WEIGHTED) and name not in written
    }


def _shared(network: nn.Module) -> set[str]:
    """Return the names of modules that share a parameter, or are known by several names."""
    holders = [
        (id(parameter), name)
        for name, module in network.named_modules(remove_duplicate=False)
        for parameter in module.parameters(recurse=False)
    ]
    counts = Counter(parameter for parameter, _ in holders)
    return {name for parameter, name in holders if counts[parameter] > 1}
