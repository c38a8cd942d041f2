"""A victim on the digits, its test cases, and copies that thieves make of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from arena import testing
from arena.game.sides.attack import Attack
from arena.game.sides.defense import OwnerTask
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Examples
from defenders.deepjudge.case import Case
from defenders.deepjudge.growth.blackbox_tests import ExampleRecipe
from defenders.deepjudge.growth.generate import GrowthPlan, make_case, seed_images
from defenders.deepjudge.growth.whitebox_tests import Growth
from defenders.deepjudge.player import DeepJudge
from tests.defenders.conftest import LAB

SEED = "5e" * 32
PLAN = GrowthPlan(
    generator=ExampleRecipe(eps=0.15),
    growth=Growth(n_steps=200),
    layer="body.relu2",
    n_seeds=60,
    n_whitebox=6,
    share=0.75,
)
SCHEME = DeepJudge(method="pgd", eps=0.15, n_seeds=60, n_whitebox=6, growth_steps=200)
QUICK = replace(SCHEME, n_whitebox=1, growth_steps=90)
Thieves = Callable[[Attack], Model]


@pytest.fixture(scope="session")
def victim(owner_task: OwnerTask) -> Model:
    return owner_task.base()


@pytest.fixture(scope="session")
def pool(owner_task: OwnerTask) -> Examples:
    return Examples.of(owner_task.probe)


@pytest.fixture(scope="session")
def seeds(victim: Model, pool: Examples) -> Examples:
    """The seeds of the case: images that the victim is certain and right about."""
    return seed_images(SEED, victim, pool, PLAN, LAB)


@pytest.fixture(scope="session")
def case(victim: Model, pool: Examples) -> Case:
    return make_case(SEED, victim, pool, PLAN, LAB)


@pytest.fixture(scope="session")
def stolen(task: Task, victim: Model) -> Thieves:
    """Lets a thief move who has the weights and the thief's split; each attack is made once."""
    made: dict[str, Model] = {}

    def model(attack: Attack) -> Model:
        if repr(attack) not in made:
            made[repr(attack)] = testing.thief(task, victim.copy(), attack.needs).play(attack)
        return made[repr(attack)].copy()

    return model


@pytest.fixture(scope="session")
def strangers(task: Task) -> list[Model]:
    """Innocents that nothing was calibrated on: half of either kind."""
    models = []
    for i, data in enumerate([task.splits.owner] * 2 + [task.splits.other] * 2):
        model = LAB.build(task.card, Rng(300 + i).child("initial"))
        LAB.train(model, Examples.of(data), task.spec.recipe, Rng(300 + i).child("training"))
        models.append(model)
    return models
