"""The parts of a match in one line each."""

from __future__ import annotations

import torch

from arena import testing
from arena.game import Deliverable, ThreatModel, Verdict
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task
from attackers.modify.prune import Prune
from defenders.nothing import NoDefense


def test_an_owner_and_a_thief_and_a_referee_are_a_line_each(task: Task, trained: Model) -> None:
    owner = testing.owner_task(task, trained)
    protected = NoDefense().protect(owner, Rng(0))
    assert protected.model.digest() == trained.digest()
    thief = testing.thief(task, protected.model.copy(), Prune.needs)
    delivered = thief.deliver(Prune())
    judgement = testing.referee(task, protected).judge(delivered, (), Rng(0))
    assert isinstance(judgement.verdict, Verdict)
    assert judgement.payoff == judgement.kept > 0.5
    assert judgement.utility == thief.accuracy(delivered.model or trained)


def test_a_thief_is_granted_what_its_threat_model_says(task: Task, trained: Model) -> None:
    thief = testing.thief(task, trained, ThreatModel(output="labels", data=0.5))
    images = thief.access.data().images
    assert len(images) == round(len(task.splits.thief) / 2)
    assert torch.equal(thief.access.query(images[:5]), thief.answers(images[:5]))
    assert thief.spent("images_queried") == 5


def test_an_owner_commits_in_time(task: Task, trained: Model) -> None:
    protected = NoDefense().protect(testing.owner_task(task, trained), Rng(0))
    (entry,) = testing.committed(protected).entries
    assert (entry.author, entry.model) == ("owner", trained.digest())
    judged = testing.referee(task, protected).judge(Deliverable(trained), (), Rng(0))
    assert not judged.verdict.is_copy


def test_a_match_is_a_line() -> None:
    task = testing.task(model="softmax", epochs=1).spec
    (record,) = testing.play(testing.match("none", "prune", task=task), "prune")
    assert (record.status, record.match.title) == ("OK", "none-vs-prune-0")
