"""The algebra of units on named tensors: what a rewriting does to rows, norms and columns.

Each function takes a table of tensors and replaces entries of it; no tensor is changed in place.
Source: the transforms of Yan et al. 2023, written for groups of tied layers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from arena.errors import ArenaError
from arena.world.graph.groups import Group, Slot
from arena.world.graph.plan import Plan

State = dict[str, Tensor]
"""Names in a classifier's state dict -> tensors."""

Change = Callable[[Tensor, int], Tensor]
"""(..., n_units, block, ...), the axis of the units -> the same with other units."""


def permute(state: State, group: Group, order: Tensor) -> None:
    """Put unit `order[u]` in the place of unit u everywhere, bit for bit."""
    for name, slot in itertools.chain(group.rows(), group.columns()):
        _on_units(state, name, slot, group, lambda part, axis: part.index_select(axis, order))


def scale(state: State, group: Group, factors: Tensor) -> None:
    """Multiply what consumers read of each unit by its factor, and divide their weights by it.

    A depthwise convolution reads scaled units and writes scaled ones.
    """
    inverse = 1 / factors
    for norm in group.all_norms():
        for tensor in ("weight", "bias"):
            _times(state, f"{norm.layer}.{tensor}", norm, group, factors)
    for producer in group.producers:
        slot, layer = producer.slot, producer.slot.layer
        if producer.per_channel:
            _times(state, f"{layer}.weight", slot, group, inverse)
        if producer.norm is None and not producer.is_gate:
            for tensor in slot.tensors:
                _times(state, f"{layer}.{tensor}", slot, group, factors)
    for name, slot in group.columns():
        _times(state, name, slot, group, inverse)


def flip(state: State, group: Group, signs: Tensor) -> None:
    """Reverse incoming weights where the sign is -1.

    In front of a normalisation, its mean and scale undo it. Without any, the activation is odd and
    the consumers undo it.
    """
    if not group.flips_in_norms:
        scale(state, group, signs)
        return
    for producer in group.producers:
        if producer.norm is not None:
            flip_in_norm(state, group, producer.slot, producer.norm, signs)


def flip_in_norm(state: State, group: Group, slot: Slot, norm: Slot, signs: Tensor) -> None:
    """Reverse the incoming weights of one producer, undone in the normalisation behind it."""
    for tensor in ("weight", "bias"):
        _times(state, f"{slot.layer}.{tensor}", slot, group, signs)
    for tensor in ("weight", "running_mean"):
        _times(state, f"{norm.layer}.{tensor}", norm, group, signs)


def stretch_in_norm(
    state: State, group: Group, slot: Slot, norm: Slot, factors: Tensor, eps: float
) -> None:
    """Multiply the incoming weights of one producer, undone by the normalisation's statistics.

    Units whose variance would not stay above 0, which epsilon can cause, are left alone.
    """
    name = f"{norm.layer}.running_var"
    variance = units_of(state, name, norm, group)
    possible = factors.isfinite() & ((variance + eps) * factors[:, None] ** 2 > eps).all(1)
    factors = torch.where(possible, factors, 1.0)
    for tensor in ("weight", "bias"):
        _times(state, f"{slot.layer}.{tensor}", slot, group, factors)
    _times(state, f"{norm.layer}.running_mean", norm, group, factors)
    squares = factors[:, None] ** 2
    _on_units(state, name, norm, group, lambda part, _axis: (part + eps) * squares - eps)


def rebuild(state: State, group: Group, plan: Plan) -> None:
    """Make the units of a plan; the group then has `len(plan.index)` units.

    Slots are taken from the last to the first, so that none is moved before its turn.
    """
    linear = {f"{p.slot.layer}.{name}" for p in group.producers for name in p.slot.tensors}
    linear |= {f"{norm.layer}.running_mean" for norm in group.all_norms()}
    outward = _maker(plan.index, plan.outgoing)
    inward = _maker(plan.index, plan.incoming)
    copied = _maker(plan.index, None)
    for name, slot in sorted(group.rows(), key=_last_first):
        _on_units(state, name, slot, group, inward if name in linear else copied)
    for name, slot in sorted(group.columns(), key=_last_first):
        _on_units(state, name, slot, group, outward)


def _last_first(entry: tuple[str, Slot]) -> int:
    return -entry[1].start


def _maker(index: Tensor, mixture: Tensor | None) -> Change:
    """Return the change that makes units as mixtures, of which most are just copies of `index`."""
    if mixture is None:
        return lambda part, axis: part.index_select(axis, index)
    own = torch.zeros_like(mixture).scatter_(1, index[:, None], 1)
    mixed = (mixture != own).any(1).nonzero()[:, 0]

    def made(part: Tensor, axis: int) -> Tensor:
        units = part.index_select(axis, index)
        mixtures = mixture[mixed].to(part) @ part.flatten(axis + 1)  # (..., n_mixed, entries)
        shape = (*units.shape[:axis], len(mixed), *units.shape[axis + 1 :])
        return units.index_copy_(axis, mixed, mixtures.reshape(shape))

    return made


def units_of(state: State, name: str, slot: Slot, group: Group) -> Tensor:
    """Return the rows (n_units, entries) of a tensor that belong to a group's units."""
    first = state[name].movedim(slot.axis(name), 0)
    part = first[slot.start : slot.start + slot.block * group.n_units]
    return part.reshape(group.n_units, -1)


def _times(state: State, name: str, slot: Slot, group: Group, factors: Tensor) -> None:
    def scaled(part: Tensor, axis: int) -> Tensor:
        shape = [len(factors) if i == axis else 1 for i in range(part.dim())]
        return part * factors.to(part).view(shape)

    _on_units(state, name, slot, group, scaled)


def _on_units(state: State, name: str, slot: Slot, group: Group, change: Change) -> None:
    """Replace the part of a tensor that belongs to a group's units; tensors may be absent."""
    tensor = state.get(name)
    if tensor is None:
        return
    axis, size = slot.axis(name), group.n_units * slot.block
    rest = tensor.shape[axis] - slot.start - size
    if rest < 0:
        raise ArenaError(
            f"{name} has {tensor.shape[axis]} entries on axis {axis}, but the group {group.name} "
            f"reaches to {slot.start + size}; trace the model anew after its layers were resized"
        )
    before, part, after = torch.split(tensor, [slot.start, size, rest], axis)
    shape = (*tensor.shape[:axis], group.n_units, slot.block, *tensor.shape[axis + 1 :])
    changed = change(part.reshape(shape), axis).flatten(axis, axis + 1)
    whole = slot.start == rest == 0
    state[name] = changed if whole else torch.cat([before, changed, after], axis)
