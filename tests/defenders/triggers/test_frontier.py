"""Frontier stitching: what the points are, whom they accuse, what the seed gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from arena import testing
from arena.errors import MalformedKey, PlayerError
from arena.game.sides.defense import OwnerTask
from arena.game.sides.suspect import Suspect
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Examples, Recipe
from defenders.fingerprints.scheme import floats
from defenders.triggers.frontier import FrontierKey, FrontierStitching, adversaries
from tests.defenders.conftest import COMPUTE, LAB, Marking

Show = Callable[[Model], Suspect]
SCHEME = FrontierStitching()


def test_adversaries_lie_one_signed_step_from_images_that_the_model_gets_right(
    owner_task: OwnerTask,
) -> None:
    base, pool = owner_task.base(), owner_task.probe
    images = floats(pool.images)
    moved, failed = adversaries(base, Examples(images, pool.labels), 0.1, LAB)
    right = LAB.labels(base, images) == pool.labels
    steps = (moved.images - images[right]).abs()
    assert float(steps.max()) <= 0.1 + 1e-6
    inside = (moved.images > 0) & (moved.images < 1) & (steps > 0)
    assert torch.allclose(steps[inside], torch.tensor(0.1), atol=1e-6)
    assert torch.equal(moved.targets, pool.labels[right])
    assert torch.equal(failed, LAB.labels(base, moved.images) != moved.targets)


def test_half_of_the_points_fool_the_unmarked_model_and_none_is_wrongly_labelled(
    mark: Marking, owner_task: OwnerTask
) -> None:
    secret = FrontierKey.of(mark(SCHEME).key)
    right = LAB.labels(owner_task.base(), secret.points) == secret.wanted
    n_true = int((~right).sum())
    assert 0 < n_true <= SCHEME.n_points // 2 >= int(right.sum()) > 0
    assert not bool(right[:n_true].any())
    images = floats(secret.images).flatten(1)
    seed = torch.cdist(secret.points.flatten(1), images, p=float("inf")) <= SCHEME.eps + 1e-6
    same = seed & (secret.wanted[:, None] == secret.labels[None])
    assert bool(same.any(1).all())


def test_the_marked_model_gets_the_points_right_and_labels_show_it(mark: Marking) -> None:
    protected = mark(SCHEME)
    shown = Suspect.bare(protected.model, COMPUTE, "labels")
    verdict = SCHEME.verify(protected.key, shown, Rng(0))
    assert verdict.is_copy
    assert verdict.statistic >= 0.9


def test_an_unseen_innocent_and_the_unmarked_model_are_spared(
    mark: Marking, suspect: Show, innocent: Model, owner_task: OwnerTask
) -> None:
    strict = replace(SCHEME, level=1e-4)
    for model in (innocent, owner_task.base()):
        verdict = strict.verify(mark(SCHEME).key, suspect(model), Rng(0))
        assert verdict.outcome == "not shown"
        assert verdict.reference


def test_chance_alone_is_no_proof(mark: Marking, suspect: Show) -> None:
    """What nulls get right as often as the suspect proves nothing, however rare under chance."""
    protected = mark(SCHEME)
    n = len(FrontierKey.of(protected.key).points)
    loud = replace(FrontierKey.of(protected.key), null_hits=[n] * 12).into(protected.key)
    verdict = SCHEME.verify(loud, suspect(protected.model), Rng(0))
    assert not verdict.is_copy


def test_the_points_follow_from_the_committed_seed(mark: Marking) -> None:
    key = mark(SCHEME).key
    assert SCHEME.rederive(key).commitment() == key.commitment()
    secret = FrontierKey.of(key)
    for forged in (
        replace(secret, points=1 - secret.points),
        replace(secret, wanted=secret.wanted.flip(0)),
    ):
        assert SCHEME.rederive(forged.into(key)).commitment() == key.commitment()


def test_the_points_follow_from_the_seed_whatever_the_autocast(task: Task, trained: Model) -> None:
    """Under autocast a signed step goes the other way in some pixels."""
    rough = replace(task, spec=task.spec.model_copy(update={"precision": "bfloat16"}))
    owner = replace(testing.owner_task(rough, trained), recipe=Recipe(epochs=1))
    for seed in range(2):
        key = SCHEME.protect(owner, Rng(seed)).key
        assert SCHEME.rederive(key).commitment() == key.commitment()


def test_a_step_that_fools_nobody_is_refused(owner_task: OwnerTask) -> None:
    with pytest.raises(PlayerError, match="at eps 0; choose another eps"):
        replace(SCHEME, eps=0).protect(owner_task, Rng(4))


def test_a_key_whose_parts_do_not_fit_is_refused(mark: Marking) -> None:
    secret, key = FrontierKey.of(mark(SCHEME).key), mark(SCHEME).key
    with pytest.raises(MalformedKey, match="wanted"):
        FrontierKey.of(replace(secret, wanted=secret.wanted[:3]).into(key))
