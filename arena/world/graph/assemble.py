"""From tied channels to groups: which channels can change places, and where their tensors lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set

from arena.world.graph.groups import Activation, Group, Producer, Slot
from arena.world.graph.tie_channels import Axis, Walk
from arena.world.graph.union_find import Mark


def groups_of(walk: Walk) -> Iterator[Group]:
    """Yield the groups of a walked network in order of execution.

    Two channels can change places where they lie on the same axes equally often. Sets whose
    channels lie on some axis in another order than on the first are not offered.
    """
    axes = {axis: [walk.ties.root(unit) for unit in units] for axis, units in walk.axes.items()}
    places: dict[int, list[Axis]] = {}
    for axis, roots in axes.items():
        for root in roots:
            places.setdefault(root, []).append(axis)
    alike: dict[tuple[Axis, ...], list[int]] = {}
    for root, found in places.items():
        alike.setdefault(tuple(found), []).append(root)
    facts = _Facts(walk)
    n_named: Counter[str] = Counter()
    for common, units in alike.items():
        slots = _slots({axis: axes[axis] for axis in common}, units, walk.transposed)
        if slots and facts.lacks(Mark.FROZEN, units):
            layer = slots[0].layer
            n_named[layer] += 1
            suffix = f"+{n_named[layer] - 1}" if n_named[layer] > 1 else ""
            yield facts.group(layer + suffix, units, slots)


class _Facts:
    """What a walk says about sets of channels, looked up by their roots."""

    def __init__(self, walk: Walk) -> None:
        self._marked = {mark: walk.ties.marked(mark) for mark in Mark}
        self._shown: dict[Axis, list[int]] = {
            (node, "value"): [walk.ties.root(unit) for unit in units]
            for node, units in walk.shown.items()
        }
        self._per_channel = walk.per_channel
        self._norm_after = {
            layer: norm
            for layer, norm in walk.norm_after.items()
            if walk.n_calls[layer] == walk.n_calls[norm] == 1
        }

    def lacks(self, mark: Mark, units: Iterable[int]) -> bool:
        return self._marked[mark].isdisjoint(units)

    def group(self, name: str, units: list[int], slots: list[Slot]) -> Group:
        producers = tuple(
            Producer(
                slot, self._norm_behind(slot, slots), per_channel=slot.layer in self._per_channel
            )
            for slot in slots
            if slot.side == "out"
        )
        paired = {producer.norm for producer in producers}
        norms = tuple(slot for slot in slots if slot.side == "norm" and slot not in paired)
        activation = self._activation(units)
        scales = activation in ("none", "homogeneous") and not norms
        members = set(units)
        seen = {axis: roots for axis, roots in self._shown.items() if not members.isdisjoint(roots)}
        return Group(
            name=name,
            n_units=len(units),
            producers=producers,
            norms=norms,
            consumers=tuple(slot for slot in slots if slot.side == "in"),
            shown=tuple(_slots(seen, units) or ()),
            activation=activation,
            may_scale=scales and self.lacks(Mark.FIXED_SCALE, units),
            may_resize=self.lacks(Mark.FIXED_WIDTH, units),
        )

    def _norm_behind(self, slot: Slot, slots: Sequence[Slot]) -> Slot | None:
        """Return where the same units lie in the normalisation behind a layer."""
        norm, before = self._norm_after.get(slot.layer), slot.start // slot.block
        behind = (s for s in slots if s.side == "norm" and s.layer == norm)
        return next((s for s in behind if s.start // s.block == before), None)

    def _activation(self, units: Iterable[int]) -> Activation:
        kinds: tuple[tuple[Mark, Activation], ...] = (
            (Mark.POINTWISE, "other"),
            (Mark.ODD, "odd"),
            (Mark.HOMOGENEOUS, "homogeneous"),
        )
        found = [kind for mark, kind in kinds if not self.lacks(mark, units)]
        if len(found) > 1:
            return "other"
        return found[0] if found else "none"


def _slots(
    axes: dict[Axis, list[int]], units: Sequence[int], transposed: Set[str] = frozenset()
) -> list[Slot] | None:
    """Return where the units lie on the axes, None if somewhere not in their own order."""
    slots = []
    members = set(units)
    for (layer, side), roots in axes.items():
        place = 0
        while place < len(roots):
            if roots[place] not in members:
                place += 1
                continue
            block = _run(roots, place)
            stop = place + block * len(units)
            if roots[place:stop] != [unit for unit in units for _ in range(block)]:
                return None
            kernel_turned = side in ("out", "in") and layer in transposed
            slots.append(Slot(layer, side, place, block, kernel_turned))
            place = stop
    return slots


def _run(roots: Sequence[int], start: int) -> int:
    """Return how many entries from `start` on are equal."""
    stop = start
    while stop < len(roots) and roots[stop] == roots[start]:
        stop += 1
    return stop - start
