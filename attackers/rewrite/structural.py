"""Neural structural obfuscation: more units in every layer, and the same function."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world import layers
from arena.world.graph import Group, LayerGraph, Plan, expand_kernel, rebuild
from arena.world.models import Model
from arena.world.rng import Rng
from attackers.rewrite.invariant import flipped, scaled


def mixtures(n_rows: int, n_units: int, generator: torch.Generator) -> Tensor:
    """Return random mixtures (n_rows, n_units) of a group's units, about as large as one unit."""
    drawn = torch.randn(n_rows, n_units, generator=generator, dtype=torch.float64)
    return drawn.div(n_units**0.5)


def clique_plan(n_units: int, n_cliques: int, size: int, generator: torch.Generator) -> Plan:
    """Return the plan that adds cliques: `size` dummies alike whose outgoing weights sum to zero.

    The incoming weights of a clique are a mixture of the units' own, its norm is that of any unit.
    Source: NeuronClique of Yan et al., USENIX Security 2023.
    """
    plan = Plan.keep(n_units)
    for _ in range(n_cliques):
        source = int(torch.randint(n_units, (1,), generator=generator))
        incoming, outgoing = (mixtures(k, n_units, generator) for k in (1, size))
        plan = plan.clique(source, incoming, outgoing)
    return plan


def split_plan(n_units: int, n_split: int, copies: int, generator: torch.Generator) -> Plan:
    """Return the plan that makes `copies` of each of some units, which share what it put out.

    The outgoing weights of the copies are random, the last one's are what is missing to the
    original's. Source: NeuronSplit of Yan et al., USENIX Security 2023.
    """
    units = torch.randperm(n_units, generator=generator)[:n_split].repeat_interleave(copies - 1)
    return Plan.keep(n_units).split(units, mixtures(len(units), n_units, generator))


@dataclass(frozen=True, kw_only=True)
class Obfuscation(Attack):
    """Widens every layer by units that do nothing together (NSO).

    What: base class of the two attacks. New units come into every group of channels that may
    grow, at random places; then all units are scaled and flipped, so that copies are proportional
    and no longer alike.
    Threat model: weights and architecture, which may change; no data, no queries, no key.
    Parameters: growth (units added, as a share of a layer's own; at least one clique or split in
    each); size (units of a clique, or copies that a split unit becomes; 2 or more); camouflage
    (scales and flips); spread (of the factors, log-uniform in [1/spread, spread]); rim (of zeros
    around the kernels of convolutions: 1 makes 3x3 to 5x5).
    Cost: 0 queries, 0 steps; about (1 + growth)^2 times the weights and operations.
    Differences to the paper: behind a flatten dummies cancel at every position, and norms are
    copied (public re-implementations do neither). Dummies are put at random places, as cropping
    undoes what is appended.
    Reference: Yan, Pan, Zhang, Yang: Rethinking white-box watermarks on deep learning models under
    neural structural obfuscation, 2023.
    Versions: 1.
    """

    paper: ClassVar[str] = "Yan et al., USENIX Security 2023"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights")
    task_needs: ClassVar[frozenset[str]] = frozenset({"weights"})
    dial: ClassVar[Dial] = Dial("growth", 0.05, 1.0, "log")

    growth: float = 0.2
    size: int = 4
    camouflage: bool = True
    spread: float = 5.0
    rim: int = 0

    def __post_init__(self) -> None:
        if self.growth < 0 or self.size < 2 or self.spread < 1 or self.rim < 0:
            raise ValueError(
                "expected growth and rim of at least 0, a size of at least 2 and a spread of at "
                f"least 1, found {self.growth}, {self.rim}, {self.size} and {self.spread}"
            )

    @abstractmethod
    def plan(self, group: Group, generator: torch.Generator) -> Plan:
        """Return which units a group gets, the new ones last."""

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Obfuscate the current suspect."""
        model = self.widened(access.model(), rng.child("widen"))
        if self.rim:
            grown = layers.convolutions(model, model.card.input_shape)
            model = expand_kernel(model, grown, self.rim)
        if self.camouflage:
            model = scaled(model, self.spread, rng.child("scale"))
            model = flipped(model, rng.child("flip"))
        return Deliverable(model)

    def widened(self, model: Model, rng: Rng) -> Model:
        """Return the model with more units, all in a random order."""
        plans = {}
        for group in LayerGraph.to_rewrite(model).groups:
            if group.may_resize:
                generator = rng.child(group.name).torch()
                plan = self.plan(group, generator)
                order = torch.randperm(len(plan.index), generator=generator)
                plans[group] = plan.ordered(order)
        return rebuild(model, plans)


@attack("nso-clique")
@dataclass(frozen=True, kw_only=True)
class Cliques(Obfuscation):
    """Adds cliques to every layer: dummies alike whose outgoing weights cancel (NeuronClique)."""

    def plan(self, group: Group, generator: torch.Generator) -> Plan:
        """Return the plan with cliques."""
        n_cliques = max(1, round(self.growth * group.n_units / self.size))
        return clique_plan(group.n_units, n_cliques, self.size, generator)


@attack("nso-split")
@dataclass(frozen=True, kw_only=True)
class NeuronSplits(Obfuscation):
    """Replaces units of every layer by copies that share their output (NeuronSplit)."""

    size: int = 2

    def plan(self, group: Group, generator: torch.Generator) -> Plan:
        """Return the plan with split units."""
        n_split = max(1, round(self.growth * group.n_units / (self.size - 1)))
        return split_plan(group.n_units, n_split, self.size, generator)
