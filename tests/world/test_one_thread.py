"""Steps compute with one thread, whoever makes them and whatever the machine has."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch

from arena.game.match.steps.step_cache import MemoryMemo, Parts, Setting, Step, resolve
from arena.game.match.steps.train_step import TrainStep
from arena.world.bundle import Bundle
from arena.world.json_values import Json
from arena.world.one_thread import one_thread
from arena.world.task import TaskSpec
from arena.world.training import Recipe


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class Counts(Step):
    """Says how many threads it may use."""

    @property
    def title(self) -> str:
        return "counts"

    def parents(self) -> tuple[Step, ...]:
        return ()

    def recipe(self) -> dict[str, Json]:
        return {}

    def compute(self, inputs: object, setting: Setting) -> Parts:
        return {"n": Bundle({"n_threads": torch.get_num_threads()})}


@pytest.mark.usefixtures("two_threads")
def test_a_step_has_one_thread_and_its_maker_gets_back_its_own() -> None:
    assert resolve(Counts(), "n", MemoryMemo(), Setting()).data == {"n_threads": 1}
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_threads_are_given_back_after_a_fault() -> None:
    with pytest.raises(ZeroDivisionError), one_thread():
        raise ZeroDivisionError
    assert torch.get_num_threads() == 2


def _weights() -> bytes:
    task = TaskSpec(model="cnn8", recipe=Recipe(epochs=1))
    step = TrainStep(task, 0, ("threads",))
    return resolve(step, "model", MemoryMemo(), Setting()).to_bytes()


def test_the_bits_do_not_depend_on_the_number_of_threads(request: pytest.FixtureRequest) -> None:
    one = _weights()
    request.getfixturevalue("two_threads")
    assert _weights() == one


def test_a_library_that_is_imported_later_computes_with_one_thread_too() -> None:
    code = (
        "from arena.world.one_thread import one_thread\n"
        "from threadpoolctl import threadpool_info\n"
        "with one_thread(): first = len(threadpool_info())\n"
        "import scipy.linalg\n"
        "with one_thread(): pools = [pool['num_threads'] for pool in threadpool_info()]\n"
        "assert len(pools) > first\n"
        "assert set(pools) == {1}, pools\n"
    )
    threads = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, **threads})
