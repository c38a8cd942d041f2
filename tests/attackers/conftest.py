"""A thief's world on the digits: a gatekeeper with a trained victim behind it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from arena import testing
from arena.game.rules.threat import ThreatModel
from arena.world.compute import Compute
from arena.world.data import Dataset
from arena.world.models import Model
from arena.world.task import Task

COMPUTE = Compute()


World = testing.Thief
Thief = Callable[..., World]


@pytest.fixture
def thief(task: Task, trained: Model) -> Thief:
    """Makes the world of a thief with these grants; its earlier model and its pool are optional."""

    def world(
        grants: ThreatModel, current: Model | None = None, pool: Dataset | None = None
    ) -> World:
        return testing.thief(task, trained.copy(), grants, current, pool)

    return world
