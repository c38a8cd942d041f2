"""Invariant neuron transforms: units in another order, of another size, of another sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.graph import Group, LayerGraph, edit, flip, permute, scale
from arena.world.models import Model, restore
from arena.world.rng import Rng


def orders(group: Group, rng: Rng) -> Tensor:
    """Return a random order (n_units,) of a group's units."""
    return torch.randperm(group.n_units, generator=rng.torch())


def factors(group: Group, spread: float, rng: Rng) -> Tensor:
    """Return factors (n_units,), log-uniform in [1 / spread, spread]."""
    draw = torch.rand(group.n_units, generator=rng.torch())
    drawn: Tensor = spread ** (2 * draw - 1)
    return drawn


def signs(group: Group, rng: Rng) -> Tensor:
    """Return signs (n_units,), half of them -1 (an odd one is a coin), in a random order.

    Fair coins would leave a surplus of one sign, and with it as much of a mean over filters, which
    is what Uchida's mark lives in.
    """
    generator = rng.torch()
    coin = int(torch.randint(0, 2, (1,), generator=generator))
    n_reversed = (group.n_units + coin) // 2
    drawn = torch.ones(group.n_units)
    drawn[torch.randperm(group.n_units, generator=generator)[:n_reversed]] = -1.0
    return drawn


def shuffled(model: Model, rng: Rng) -> Model:
    """Return the model with the units of every group in a random order."""
    groups = LayerGraph.to_rewrite(model).groups
    return permute(model, {group: orders(group, rng.child(group.name)) for group in groups})


def scaled(model: Model, spread: float, rng: Rng) -> Model:
    """Return the model with units of other sizes, behind and in front of normalisations."""
    groups = [group for group in LayerGraph.to_rewrite(model).groups if group.may_scale]
    drawn = {group: factors(group, spread, rng.child("behind", group.name)) for group in groups}
    return stretched(scale(model, drawn), spread, rng.child("in front"))


def stretched(model: Model, spread: float, rng: Rng) -> Model:
    """Return the model with larger and smaller weights, undone by the running statistics.

    Where a batch normalisation follows, the incoming weights of a unit may have any size:
    W, mu <- s W, s mu and var <- (var + eps) s^2 - eps. After Yan et al., KDD 2023.
    """
    state, modules = model.state_dict(), dict(model.named_modules())
    for group in LayerGraph.to_rewrite(model).groups:
        for producer in group.producers:
            slot, norm = producer.slot, producer.norm
            eps = getattr(modules[norm.layer], "eps", None) if norm else None
            if norm is None or not isinstance(eps, float):
                continue
            drawn = factors(group, spread, rng.child(group.name, slot.layer))
            edit.stretch_in_norm(state, group, slot, norm, drawn, eps)
    return restore(model.card, state)


def flipped(model: Model, rng: Rng) -> Model:
    """Return the model with the signs of half the units' incoming weights reversed."""
    groups = [group for group in LayerGraph.to_rewrite(model).groups if group.may_flip]
    return flip(model, {group: signs(group, rng.child(group.name)) for group in groups})


@dataclass(frozen=True, kw_only=True)
class Invariant(Attack):
    """Rewrites the units of every layer without a change of the function (INT).

    What: base class of the four attacks. Each group of channels that the layer graph offers is
    rewritten as a whole: tied layers move together, and what reads the units undoes what was done.
    Threat model: weights and architecture; no data, no queries, no gradients, no key.
    Parameters: spread (of the factors of the scaling attacks, log-uniform in [1/spread, spread]).
    Cost: 0 queries, 0 steps; milliseconds.
    Differences to the paper: factors enter behind a batch normalisation, and others in front of it,
    where running statistics undo them exactly (a factor in front alone meets its epsilon); signs
    are reversed only where a normalisation or an odd activation undoes it, so ReLU without
    normalisation keeps them; exactly half of a layer's are, not those that coins choose.
    Reference: Yan, Pan, Zhang, Yang: Rethinking white-box watermarks on deep learning models under
    neural structural obfuscation, 2023, and its predecessor on invariant neuron transforms.
    Versions: 2 (exactly half of the signs).
    """

    paper: ClassVar[str] = "Yan et al., KDD 2023"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights")
    task_needs: ClassVar[frozenset[str]] = frozenset({"weights"})

    spread: float = 5.0

    def __post_init__(self) -> None:
        if self.spread < 1:
            raise ValueError(f"expected a spread of at least 1, found {self.spread}")

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Rewrite the current suspect."""
        return Deliverable(self.rewritten(access.model(), rng))

    def rewritten(self, model: Model, rng: Rng) -> Model:
        """Return the model shuffled, scaled and flipped."""
        model = shuffled(model, rng.child("shuffle"))
        model = scaled(model, self.spread, rng.child("scale"))
        return flipped(model, rng.child("flip"))


@attack("int-all")
@dataclass(frozen=True, kw_only=True)
class AllThree(Invariant):
    """Shuffles, scales and flips the units of every layer."""

    dial: ClassVar[Dial] = Dial("spread", 1.5, 20.0, "log")


@attack("int-shuffle")
@dataclass(frozen=True, kw_only=True)
class Shuffle(Invariant):
    """Puts the units of every layer in a random order (LayerShuffle)."""

    def rewritten(self, model: Model, rng: Rng) -> Model:
        """Return the model shuffled."""
        return shuffled(model, rng.child("shuffle"))


@attack("int-scale")
@dataclass(frozen=True, kw_only=True)
class Scale(Invariant):
    """Gives the units of every layer random sizes above zero (NeuronScale)."""

    dial: ClassVar[Dial] = Dial("spread", 1.5, 20.0, "log")

    def rewritten(self, model: Model, rng: Rng) -> Model:
        """Return the model scaled."""
        return scaled(model, self.spread, rng.child("scale"))


@attack("int-flip")
@dataclass(frozen=True, kw_only=True)
class Flip(Invariant):
    """Reverses the signs of half the units' incoming weights (SignFlip)."""

    def rewritten(self, model: Model, rng: Rng) -> Model:
        """Return the model flipped."""
        return flipped(model, rng.child("flip"))
