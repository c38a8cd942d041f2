"""Thieves of captioners: what each does to a model, untrained or just so."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from arena import testing
from arena.game.rules.threat import ThreatModel
from arena.world.compute import Compute
from arena.world.kinds.captioner import SMALL_CAPTIONER
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from attackers.captions.flip_hidden import FlipHidden
from attackers.captions.student import StudentCaptioner
from attackers.rewrite.invariant import AllThree, Flip, Shuffle


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task(TaskSpec.model_validate(dict(SMALL_CAPTIONER)))


@pytest.fixture(scope="module")
def victim(task: Task) -> Model:
    return build(task.card, Rng(1))


def states(model: Model, images: Tensor, call: str) -> Tensor:
    return Compute().activations(model, images, [call])[call]


def delivered(task: Task, victim: Model, move: FlipHidden | AllThree | Flip | Shuffle) -> Model:
    thief = testing.thief(task, victim, ThreatModel(output="weights"))
    model = move.run(thief.access, Rng(7)).model
    assert model is not None
    return model


def test_reversed_signs_are_spelled_by_the_first_state(task: Task, victim: Model) -> None:
    """The first state that is written is reversed where the unit is: later words feel it."""
    images = task.splits.test.images[:30]
    found = delivered(task, victim, FlipHidden(rate=0.5))
    ratio = states(found, images, "body.fed") / states(victim, images, "body.fed")
    turned = (ratio < 0).all(0)
    assert int(turned.sum()) == 16
    assert torch.allclose(ratio[:, ~turned], torch.ones(1), atol=1e-4)


def test_a_forged_key_reaches_what_is_fed_and_nothing_else(task: Task, victim: Model) -> None:
    found = delivered(task, victim, FlipHidden(rate=1.0, side="fed")).state_dict()
    own = victim.state_dict()
    changed = {name for name, tensor in own.items() if not torch.equal(tensor, found[name])}
    assert changed == {"body.lstm.weight_hh_l0", "body.query.weight"}
    assert all(torch.equal(found[name], -own[name]) for name in changed)


@pytest.mark.parametrize("move", [Shuffle(), Flip(), AllThree()], ids=lambda move: move.name)
def test_rewritten_hidden_units_say_the_same(
    task: Task, victim: Model, move: AllThree | Flip | Shuffle
) -> None:
    images = task.splits.test.images[:50]
    found = delivered(task, victim, move)
    assert torch.equal(task.serve(found, images), task.serve(victim, images))
    assert not torch.equal(
        states(found, images, "body.hidden"), states(victim, images, "body.hidden")
    )


def test_a_student_asks_for_captions_alone(task: Task, victim: Model) -> None:
    grants = StudentCaptioner.needs.model_copy(update={"architecture": True})
    thief = testing.thief(task, victim, grants)
    student = StudentCaptioner(n_queries=20, epochs=1).run(thief.access, Rng(7)).model
    assert student is not None
    assert student.card == victim.card
    assert student.digest() != victim.digest()
    assert thief.gate.meters.reading().images_queried == 20
