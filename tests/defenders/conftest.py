"""An owner's world on the digits: a base model, null models, and a way to mark."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from arena import testing
from arena.game.sides.defense import Defense, OwnerTask, Protected
from arena.game.sides.lab import Lab
from arena.game.sides.suspect import Suspect
from arena.world.compute import Compute
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task

COMPUTE = Compute()
LAB = Lab(COMPUTE)
Marking = Callable[[Defense], Protected]


@pytest.fixture(scope="session")
def nulls(task: Task) -> list[Model]:
    """Twelve independent models: six of the owner's data, six of the other half."""
    halves = [task.splits.owner] * 6 + [task.splits.other] * 6
    return [testing.trained(task, data, Rng(100 + i)) for i, data in enumerate(halves)]


@pytest.fixture(scope="session")
def innocent(task: Task) -> Model:
    """An independent model on which nothing is calibrated."""
    return testing.trained(task, task.splits.other, Rng(200))


@pytest.fixture(scope="session")
def owner_task(task: Task, nulls: list[Model]) -> OwnerTask:
    return testing.owner_task(task, testing.trained(task, rng=Rng(3)), nulls)


@pytest.fixture(scope="session")
def mark(owner_task: OwnerTask) -> Marking:
    """Protects with a scheme; the same scheme is protected with once."""
    made: dict[str, Protected] = {}

    def protected(scheme: Defense) -> Protected:
        if repr(scheme) not in made:
            made[repr(scheme)] = scheme.protect(owner_task, Rng(4))
        found = made[repr(scheme)]
        return Protected(found.model.copy(), found.key)

    return protected


@pytest.fixture
def suspect() -> Callable[[Model], Suspect]:
    """Shows a model to a verifier."""
    return lambda model: Suspect.bare(model, COMPUTE)
