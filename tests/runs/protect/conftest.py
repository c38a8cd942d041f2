"""A person's model, protected once."""

from __future__ import annotations

import pytest

from arena.game.match.step_cache import MemoryMemo, Setting
from arena.game.sides.player import PlayerSpec
from arena.runs.protect.order import Order, Protection
from arena.runs.protect.protect import protect
from arena.world.models import Model
from arena.world.task import Task
from arena.world.training import Recipe

UCHIDA = PlayerSpec(name="uchida", settings={"strength": 0.3})


@pytest.fixture(scope="session")
def order(task: Task, _trained: Model) -> Order:
    """A mark that takes at the first attempt, by a wide margin."""
    return Order(
        model=_trained.copy(),
        task=task,
        scheme=UCHIDA,
        seed=1 << 127,
        epochs=(12,),
        innocents=2,
        training=Recipe(epochs=2),
    )


@pytest.fixture(scope="session")
def protection(order: Order) -> Protection:
    return protect(order, MemoryMemo(), Setting(), lambda stage: None)
