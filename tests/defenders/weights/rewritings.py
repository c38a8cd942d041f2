"""Rewritings that keep a model's function: what a thief without data does to a mark."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from arena.world.graph import Group, LayerGraph, Plan, flip, permute, rebuild, scale
from arena.world.models import Model
from arena.world.rng import Rng

N_DUMMIES = 4


def permuted(model: Model, rng: Rng) -> Model:
    """Every group's units in a random order."""
    g = rng.torch()
    return permute(model, {x: torch.randperm(x.n_units, generator=g) for x in _groups(model)})


def scaled(model: Model, rng: Rng) -> Model:
    """Every unit multiplied by 2 ** U(-2, 2), its consumers divided."""
    g = rng.torch()
    factors = {x: 2 ** (4 * torch.rand(x.n_units, generator=g) - 2) for x in _groups(model)}
    return scale(model, factors)


def flipped(model: Model, rng: Rng) -> Model:
    """A random half of each group's units with reversed signs.

    Exactly half: as many signs as are left over in a mean over filters, so much of it survives.
    """
    g = rng.torch()
    groups = [x for x in _groups(model) if x.may_flip]
    return flip(model, {x: _half(x.n_units, g) for x in groups})


def all_three(model: Model, rng: Rng) -> Model:
    """Flipped, scaled, then permuted."""
    return permuted(scaled(flipped(model, rng), rng), rng)


def clique(model: Model, rng: Rng) -> Model:
    """Four units more in each group, alike and cancelling, at random places."""
    g = rng.torch()

    def plan(group: Group) -> Plan:
        n = group.n_units
        incoming = torch.randn(n, generator=g) / n**0.5
        outgoing = torch.randn(N_DUMMIES, n, generator=g) / n**0.5
        return Plan.keep(n).clique(0, incoming, outgoing)

    return _rebuilt(model, plan, g)


def split(model: Model, rng: Rng) -> Model:
    """Four units of each group in two copies that share its outputs, at random places."""
    g = rng.torch()

    def plan(group: Group) -> Plan:
        n = group.n_units
        units = torch.randperm(n, generator=g)[:N_DUMMIES]
        shares = torch.zeros(N_DUMMIES, n)
        shares[torch.arange(N_DUMMIES), units] = torch.rand(N_DUMMIES, generator=g)
        return Plan.keep(n).split(units, shares)

    return _rebuilt(model, plan, g)


Rewriting = Callable[[Model, Rng], Model]
SAME_SHAPE: dict[str, Rewriting] = {
    "permute": permuted,
    "scale": scaled,
    "flip": flipped,
    "all": all_three,
}
OTHER_SHAPE: dict[str, Rewriting] = {"clique": clique, "split": split}


def _groups(model: Model) -> tuple[Group, ...]:
    return LayerGraph.of(model).groups


def _half(n: int, generator: torch.Generator) -> Tensor:
    signs = torch.ones(n)
    signs[torch.randperm(n, generator=generator)[: n // 2]] = -1
    return signs


def _rebuilt(model: Model, plan: Callable[[Group], Plan], generator: torch.Generator) -> Model:
    plans = {}
    for group in _groups(model):
        made = plan(group)
        plans[group] = made.ordered(torch.randperm(len(made.index), generator=generator))
    return rebuild(model, plans)
