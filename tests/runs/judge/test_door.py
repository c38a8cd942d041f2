"""The check at the door: a victim that does not know its own data stops the judgement."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from arena import testing
from arena.errors import ModelError
from arena.runs.judge.door import accuracy_in_any_order, check_knows
from arena.world.data import Dataset
from arena.world.models import build
from arena.world.rng import Rng
from arena.world.task import Task


def test_the_best_order_of_classes() -> None:
    labels = torch.arange(30) % 3
    assert accuracy_in_any_order((labels + 1) % 3, labels, 3) == 1.0
    assert accuracy_in_any_order(labels, labels, 3) == 1.0
    assert accuracy_in_any_order(torch.zeros_like(labels), labels, 3) == pytest.approx(1 / 3)


def test_an_untrained_victim_stops_with_the_likely_causes() -> None:
    task = testing.task()
    with pytest.raises(ModelError, match=r"chance is 0\.\d+; check the normalisation"):
        check_knows(build(task.card, Rng(0)), task)


def test_another_order_of_classes_is_named() -> None:
    task = testing.task(epochs=3)
    victim = testing.trained(task)
    check_knows(victim, task)
    with pytest.raises(ModelError, match="classes in another order"):
        check_knows(victim, _relabelled(task))


def _relabelled(task: Task) -> Task:
    test = task.splits.test
    shifted = Dataset(test.name, test.images, (test.labels + 1) % 10, test.classes)
    return dataclasses.replace(task, splits=dataclasses.replace(task.splits, test=shifted))
