"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from arena.world.compute import Compute
from arena.world.models import Model, ModelCard, build
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from arena.world.training import Examples, Recipe, Trainer

settings.register_profile("arena", deadline=None, max_examples=25)
settings.load_profile("arena")
torch.set_num_threads(1)  # the tests run beside each other


@pytest.fixture(scope="session")
def task_spec() -> TaskSpec:
    """Digits and the small CNN, trained just long enough to be useful."""
    return TaskSpec(recipe=Recipe(epochs=8))


@pytest.fixture(scope="session")
def task(task_spec: TaskSpec) -> Task:
    return load_task(task_spec)


@pytest.fixture(scope="session")
def _trained(task: Task) -> Model:
    model = build(task.card, Rng(0).child("initial"))
    Trainer(Compute()).train(model, Examples.of(task.splits.owner), task.spec.recipe, Rng(1))
    return model


@pytest.fixture
def trained(_trained: Model) -> Model:
    """A copy of one trained model."""
    return _trained.copy()


@pytest.fixture
def tiny() -> Model:
    """An untrained softmax regression on eight features and three classes."""
    card = ModelCard(
        architecture="softmax", n_classes=3, input_shape=(8,), mean=(0.5,), std=(0.25,)
    )
    return build(card, Rng(0))


@pytest.fixture
def arena_data() -> Path:
    """The folder of real data; the test is skipped where there is none."""
    folder = os.environ.get("ARENA_DATA")
    if not folder:
        pytest.skip("needs ARENA_DATA")
    return Path(folder)
