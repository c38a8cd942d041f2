"""The thief that averages: what it asks, and what it makes of partial answers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from arena import testing
from arena.game.rules.threat import Budget, ThreatModel
from arena.game.serving.query_log import QueryLog
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task
from attackers.extract.average import Average, averaged

GRANTS = ThreatModel(output="probabilities", data=1)


@pytest.mark.parametrize("n_rows", [12, 11, 9, 1])
def test_the_rows_of_each_image_are_averaged(n_rows: int) -> None:
    rows = torch.rand(12, 4, generator=Rng(0).torch())[:n_rows]
    expected = torch.stack([part.mean(0) for part in rows.split(4)])
    torch.testing.assert_close(averaged(rows, 4), expected)


def asked(task: Task, trained: Model, budget: Budget | None = None) -> tuple[Tensor, int]:
    grants = GRANTS.model_copy(update={"budget": budget or Budget()})
    thief = testing.thief(task, trained, grants)
    log = QueryLog()
    thief.gate.log = log
    images = task.splits.thief.images[:10]
    examples = Average(repeats=3).ask(thief.access, images, Rng(1))
    assert torch.equal(examples.images, images[: len(examples.images)])
    torch.testing.assert_close(examples.targets.sum(1), torch.ones(len(examples.targets)))
    return torch.cat([query.inputs for query in log.queries]), len(examples.images)


def test_it_never_asks_about_the_image_itself(task: Task, trained: Model) -> None:
    inputs, n_learnt = asked(task, trained)
    assert (len(inputs), n_learnt) == (30, 10)
    known = {image.numpy().tobytes() for image in task.splits.thief.images[:10]}
    said = {image.numpy().tobytes() for image in (inputs * 255).round().to(torch.uint8)}
    assert len(said) == 30
    assert not known & said


def test_it_learns_from_what_the_budget_allows(task: Task, trained: Model) -> None:
    inputs, n_learnt = asked(task, trained, Budget(images_queried=10))
    assert (len(inputs), n_learnt) == (10, 4)  # the fourth image has one of its three answers


def test_labels_vote(task: Task, trained: Model) -> None:
    thief = testing.thief(task, trained, ThreatModel(output="labels", data=1))
    targets = Average(repeats=4).ask(thief.access, task.splits.thief.images[:5], Rng(1)).targets
    assert set(targets.flatten().mul(4).tolist()) <= {0.0, 1.0, 2.0, 3.0, 4.0}
