"""What every test may use."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

import arena
from arena.game.serving.wrapper import wrappers
from arena.game.sides.attack import attacks
from arena.game.sides.defense import defenses
from arena.world.compute import Compute
from arena.world.kinds.language import SMALL_WRITER
from arena.world.models import Model, ModelCard, build
from arena.world.models.registry import kept as architectures_kept
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from arena.world.training import Examples, Recipe, Trainer
from tests.salted.sitecustomize import VARIABLE, plain_sequence, salt

# Pytest loads the installed plugin, and with it the installed arena.
if Path(__file__).parents[1] != arena.ROOT:
    pytest.exit(
        f"expected the arena of this checkout, got {arena.ROOT}; try pip install -e '.[test]'",
        returncode=2,
    )

settings.register_profile(
    "arena",
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow],  # the machine may be busy
)
settings.load_profile("arena")
torch.set_num_threads(int(os.environ.get("ARENA_TEST_THREADS", "1")))  # tests run beside others

_PLAIN = plain_sequence(Rng)  # the streams as the seeds in the tests name them
if os.environ.get(VARIABLE):  # the suite on another root seed: `ARENA_TEST_SEED=1 pytest`
    salt(Rng, os.environ[VARIABLE])
    folders = [str(Path(__file__).parent / "salted"), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, folders))  # for whatever tests start


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Count what is played from end to end, and what is not slow in a long file, among the slow."""
    for item in items:
        if item.get_closest_marker("long") and not item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.end_to_end)
        if item.get_closest_marker("end_to_end"):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True, scope="module")
def _registered() -> Iterator[None]:
    """Forget after each file of tests the players and architectures that it registered."""
    with attacks.kept(), defenses.kept(), wrappers.kept(), architectures_kept():
        yield


def _know_secrets(patch: pytest.MonkeyPatch, name: str) -> None:
    """Let what nobody can guess be the same in every run, and another for every name.

    Under a fresh key one innocent in a hundred may be accused, which is what its p-value says; a
    test of a verdict would fail as often.
    """
    first = int.from_bytes(hashlib.sha256(name.encode()).digest())
    numbers = itertools.count(first)
    patch.setattr("arena.world.rng.randbits", lambda bits: next(numbers) % (1 << bits))


@pytest.fixture(autouse=True, scope="session")
def _secrets_of_the_session() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        _know_secrets(patch, "session")
        yield


@pytest.fixture(autouse=True, scope="module")
def _secrets_of_the_module(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        _know_secrets(patch, request.node.nodeid)
        yield


@pytest.fixture(autouse=True)
def _secrets_of_the_test(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    _know_secrets(monkeypatch, request.node.nodeid)


@pytest.fixture(autouse=True)
def _streams(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the streams of a test with values that are bound to a seed as they are written."""
    if request.node.get_closest_marker("unsalted"):
        monkeypatch.setattr(Rng, "_sequence", _PLAIN)
        monkeypatch.delenv(VARIABLE, raising=False)


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


@pytest.fixture(scope="session")
def small_task() -> Task:
    """Digits and a small MLP, which trains in a second."""
    return load_task(TaskSpec(model="mlp", recipe=Recipe(epochs=8)))


@pytest.fixture(scope="session")
def _small(small_task: Task) -> Model:
    model = build(small_task.card, Rng(0).child("initial"))
    examples = Examples.of(small_task.splits.owner)
    Trainer(Compute()).train(model, examples, small_task.spec.recipe, Rng(1))
    return model


@pytest.fixture(scope="session")
def text_task() -> Task:
    """Fables, and a GPT that learns in seconds more of them than how frequent each letter is."""
    return load_task(TaskSpec.model_validate(SMALL_WRITER))


@pytest.fixture(scope="session")
def _text_model(text_task: Task) -> Model:
    model = build(text_task.card, Rng(0).child("text", "initial"))
    examples, rng = Examples.of(text_task.splits.owner), Rng(0).child("text", "training")
    Trainer(Compute()).train(model, examples, text_task.spec.recipe, rng)
    return model


@pytest.fixture
def text_model(_text_model: Model) -> Model:
    """A copy of one trained model of language."""
    return _text_model.copy()


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
