"""How long a tournament takes is reckoned from a training that is watched for a moment."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from arena.game.match.steps.step_cache import Inputs, Parts, Setting, Step
from arena.game.match.steps.train_step import TrainStep
from arena.runs.time_needed import SeenEnough, Watch, seconds_of_training, time_needed
from arena.world.json_values import Json
from arena.world.task import TaskSpec
from arena.world.training import Recipe

LONG = TaskSpec(model="mlp", recipe=Recipe(steps=10_000_000))


def test_a_training_of_hours_is_reckoned_after_a_moment(tmp_path: Path) -> None:
    began = time.perf_counter()
    seconds = seconds_of_training(LONG, tmp_path, watched_s=0.05)
    assert time.perf_counter() - began < 60  # a step takes no millionth of a training
    assert seconds > 60


def test_what_warms_up_is_not_reckoned_with() -> None:
    clock = iter([0.0, 50.0, 51.0, 52.0, 53.0])  # begun at 0; the first step ends at 50
    watch = Watch(watched_s=3, clock=lambda: next(clock))
    for n_done in (1, 2, 3):
        watch.see(n_done, 20)
    with pytest.raises(SeenEnough):
        watch.see(4, 20)
    assert watch.seconds() == 20  # three steps took three seconds


def test_a_training_that_ends_is_timed_whole(tmp_path: Path) -> None:
    short = TaskSpec(model="mlp", recipe=Recipe(epochs=1))
    assert 0 < seconds_of_training(short, tmp_path, watched_s=600) < 600


def test_a_training_is_watched_with_the_one_thread_that_a_step_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    monkeypatch.setattr(Watch, "see", lambda *_: threads.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    torch.set_num_threads(2)  # on a busy machine the second thread waits for the first
    try:
        seconds_of_training(TaskSpec(model="mlp", recipe=Recipe(steps=3)), tmp_path)
        assert (threads, torch.get_num_threads()) == ([1, 1, 1], 2)
    finally:
        torch.set_num_threads(before)


class _Round(Step):
    """A step that is neither a training nor a protection."""

    title = "play"

    def parents(self) -> tuple[Step, ...]:
        return ()

    def recipe(self) -> dict[str, Json]:
        return {}

    def compute(self, inputs: Inputs, setting: Setting) -> Parts:
        return {}


def test_rounds_cost_between_nothing_and_a_training() -> None:
    train = TrainStep(LONG, 0, ("reporting", "0"))
    found = time_needed([train, train, _Round()], training_s=6.0, n_workers=2)
    assert (found.least_s, found.most_s) == (6.0, 9.0)
    assert time_needed([], 6.0, 2).most_s == 0
