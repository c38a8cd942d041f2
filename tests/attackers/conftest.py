"""A thief's world on the digits: a gatekeeper with a trained victim behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from torch import Tensor

from arena.game.match.grants import granted
from arena.game.rules.meters import Meters
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.gatekeeper import Gatekeeper
from arena.world.compute import Compute
from arena.world.data import Dataset
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task

COMPUTE = Compute()


@dataclass
class World:
    """The referee's side of one thief, and the thief's access to it."""

    gate: Gatekeeper
    access: Access
    task: Task

    @property
    def victim(self) -> Model:
        return self.gate.victim

    def play(self, attack: Attack, seed: int = 7) -> Model:
        """Make a move and return the model that it delivers."""
        model = self.deliver(attack, seed).model
        assert model is not None
        return model

    def deliver(self, attack: Attack, seed: int = 7) -> Deliverable:
        return attack.run(self.access, Rng(seed))

    def spent(self, meter: str) -> float:
        return self.gate.meters.reading()[meter]

    def accuracy(self, model: Model) -> float:
        test = self.task.splits.test
        return COMPUTE.accuracy(model, test.images, test.labels)

    def answers(self, images: Tensor) -> Tensor:
        """Return what the victim says, off the meter."""
        return COMPUTE.labels(self.victim.copy(), images)


Thief = Callable[..., World]


@pytest.fixture
def thief(task: Task, trained: Model) -> Thief:
    """Makes the world of a thief with these grants; its earlier model and its pool are optional."""

    def world(
        grants: ThreatModel, current: Model | None = None, pool: Dataset | None = None
    ) -> World:
        gate = Gatekeeper(
            grants=grants,
            victim=trained.copy(),
            meters=Meters(grants.budget),
            compute=COMPUTE,
            current=None if current is None else Deliverable(current),
            data=granted(task.splits.thief, grants.data, Rng(0)),
            pool=pool,
        )
        card = task.card if grants.knows_architecture else task.card_for(grants.own_architecture)
        return World(gate, Access(gate.answer, grants, card, COMPUTE), task)

    return world
