"""Attacks that are broken on purpose, one fault each; the conformance checks must reject them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from arena.errors import BudgetExceeded
from arena.game.rules.threat import Budget, ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.models import Model
from arena.world.rng import Rng


@dataclass(frozen=True, kw_only=True)
class Honest(Attack):
    """Adds a little noise to the last layer: nothing is wrong with it.

    What: a model of the smallest attack that keeps all rules.
    Threat model: weights.
    Parameters: deviation of the noise.
    Cost: nothing.
    Differences to the paper: there is no paper.
    Reference: none.
    Versions: 1.
    """

    paper: ClassVar[str] = "nobody, 2026"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights")
    dial: ClassVar[Dial | None] = Dial("deviation", 0.001, 0.1, "log")

    deviation: float = 0.01

    def run(self, access: Access, rng: Rng) -> Deliverable:
        return Deliverable(self.shaken(access.model(), rng))

    def shaken(self, model: Model, rng: Rng) -> Model:
        weight = list(model.parameters())[-2]
        noise = torch.randn(weight.shape, generator=rng.torch())
        with torch.no_grad():
            weight.add_(self.deviation * noise)
        return model


@dataclass(frozen=True, kw_only=True)
class MutatesTheVictim(Honest):
    """Reaches through the channel and writes to the referee's own victim."""

    def run(self, access: Access, rng: Rng) -> Deliverable:
        gate = access.channel.__self__  # type: ignore[attr-defined]  # a Gatekeeper's method
        self.shaken(gate.victim, rng)
        return Deliverable(self.shaken(access.model(), rng.child("more")))


@dataclass(frozen=True, kw_only=True)
class ReturnsTheVictim(Honest):
    """Delivers the victim as it is and does not say that it is a control."""

    def run(self, access: Access, rng: Rng) -> Deliverable:
        return Deliverable(access.model())


@dataclass(frozen=True, kw_only=True)
class DeliversNaN(Honest):
    """Delivers weights that are not numbers."""

    def run(self, access: Access, rng: Rng) -> Deliverable:
        model = access.model()
        nn.init.constant_(list(model.parameters())[-1], float("nan"))
        return Deliverable(model)


@dataclass(frozen=True, kw_only=True)
class ForgetsAClass(Honest):
    """Delivers a model that tells nine digits apart."""

    def run(self, access: Access, rng: Rng) -> Deliverable:
        card = access.card.model_copy(update={"n_classes": access.n_classes - 1})
        return Deliverable(access.lab.build(card, rng))


@dataclass(frozen=True, kw_only=True)
class Raises(Honest):
    """Gives up at once."""

    def run(self, access: Access, rng: Rng) -> Deliverable:
        raise IndexError("no such layer")


@dataclass(frozen=True, kw_only=True)
class DeliversSomethingElse(Honest):
    """Returns a model where a deliverable is expected."""

    def run(self, access: Access, rng: Rng) -> Deliverable:
        return self.shaken(access.model(), rng)  # type: ignore[return-value]  # the fault


@dataclass(frozen=True, kw_only=True)
class NeverStops(Honest):
    """Asks until nobody answers."""

    needs: ClassVar[ThreatModel] = ThreatModel(
        output="labels", data=1, budget=Budget(images_queried=1000)
    )

    def run(self, access: Access, rng: Rng) -> Deliverable:
        images = access.data().images
        while True:
            access.query(images)


@dataclass(frozen=True, kw_only=True)
class TrainsOffTheMeter(Honest):
    """Takes optimiser steps that it does not pay for."""

    def run(self, access: Access, rng: Rng) -> Deliverable:
        model = access.model()
        optimiser = torch.optim.SGD(model.parameters(), lr=0.01)
        for _ in range(3):
            optimiser.zero_grad()
            torch.stack([each.square().sum() for each in model.parameters()]).sum().backward()
            optimiser.step()
        return Deliverable(model)


@dataclass(frozen=True, kw_only=True)
class LooksOffTheMeter(Honest):
    """Runs its own model on images that it does not pay for."""

    def run(self, access: Access, rng: Rng) -> Deliverable:
        model = self.shaken(access.model(), rng)
        model(torch.zeros(8, *access.card.input_shape))
        return Deliverable(model)


@dataclass(frozen=True, kw_only=True)
class ExpectsAllAnswers(Honest):
    """Breaks when the budget answers only part of its queries."""

    needs: ClassVar[ThreatModel] = ThreatModel(output="labels", data=1, architecture=False)

    def run(self, access: Access, rng: Rng) -> Deliverable:
        images = access.data().images
        answers = access.query(images)
        if len(answers) != len(images):
            raise ValueError("expected as many answers as images")
        return Deliverable(access.lab.build(access.card, rng))


@dataclass(frozen=True, kw_only=True)
class IgnoresItsBudget(Honest):
    """Takes the end of the budget for a fault of its own."""

    needs: ClassVar[ThreatModel] = ThreatModel(output="labels", data=1, architecture=False)

    def run(self, access: Access, rng: Rng) -> Deliverable:
        images = access.data().images
        try:
            for i in range(3):
                access.query(images[i : i + 2])
        except BudgetExceeded as error:
            raise RuntimeError("the victim does not answer") from error
        return Deliverable(access.lab.build(access.card, rng))


@dataclass(frozen=True, kw_only=True)
class UnderstatesItsNeeds(Honest):
    """Says that labels are enough, and reads the weights."""

    needs: ClassVar[ThreatModel] = ThreatModel(output="labels")


@dataclass(frozen=True, kw_only=True)
class DrawsGlobally(Honest):
    """Draws from torch's global generator."""

    def run(self, access: Access, rng: Rng) -> Deliverable:
        model = access.model()
        nn.init.normal_(list(model.parameters())[-1])
        return Deliverable(model)


@dataclass(frozen=True, kw_only=True)
class FailsTheSecondTime(Honest):
    """Can only be made in the first round."""

    def run(self, access: Access, rng: Rng) -> Deliverable:
        if access.current().model is not None:
            raise RuntimeError("it was me already")
        return super().run(access, rng)


@dataclass(frozen=True, kw_only=True)
class SaysNothing(Attack):
    """does a thing"""

    def run(self, access: Access, rng: Rng) -> Deliverable:
        return Deliverable(access.lab.build(access.card, rng))


@dataclass(frozen=True)
class PositionalFields(Honest):
    """Takes its hyper-parameters by position, and one without a default."""

    n_layers: int = 1


@dataclass(frozen=True, kw_only=True)
class TurnsNothing(Honest):
    """Has a dial on a field that it does not have."""

    dial: ClassVar[Dial | None] = Dial("strength", 0, 1)


@dataclass(frozen=True, kw_only=True)
class TurnsInPlace(Honest):
    """Has a dial whose ends are the same."""

    dial: ClassVar[Dial | None] = Dial("deviation", 0.1, 0.1)


@dataclass(frozen=True, kw_only=True, repr=False)
class HidesItsSettings(Honest):
    """Does not say its hyper-parameters."""

    def __repr__(self) -> str:
        return "HidesItsSettings(deviation=0.5)"


@dataclass(frozen=True, kw_only=True)
class KeepsInfinity(Honest):
    """Has a hyper-parameter that JSON cannot hold."""

    dial: ClassVar[Dial | None] = None
    clip: float = float("inf")


@dataclass(frozen=True, kw_only=True)
class MisspellsQuick(Honest):
    """Has a quick setting that is none of its fields."""

    quick: ClassVar[dict[str, float]] = {"deviaton": 0.1}
