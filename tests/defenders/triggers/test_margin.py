"""The margin-based watermark: wrong labels from the seed, moved triggers, a game on the digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import BudgetExceeded, MalformedKey
from arena.game.rules.meters import Meters
from arena.game.rules.threat import Budget
from arena.game.sides.suspect import Suspect
from arena.world.bundle import Bundle
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Free
from defenders.triggers.margin import Margin, MarginFeed
from defenders.triggers.scheme import WrongLabelsKey
from tests.defenders.conftest import COMPUTE, Marking

Show = Callable[[Model], Suspect]
SCHEME = Margin(n_triggers=20)  # seen often: the task here trains for 88 steps


def key_of(task: Task, seed: str = "ab", n: int = 100) -> WrongLabelsKey:
    probe = task.splits.probe
    return WrongLabelsKey.drawn(seed, probe.images[:n], probe.labels[:n], 10)


@given(st.integers(0, 10**6).map(str), st.integers(2, 10))
def test_labels_follow_from_the_seed_and_are_never_an_images_own(seed: str, n: int) -> None:
    images = torch.arange(200, dtype=torch.uint8)[:, None]
    own = torch.arange(200) % n
    key = WrongLabelsKey.drawn(seed, images, own, n)
    assert not bool((key.labels == own).any())
    assert 0 <= int(key.labels.min()) <= int(key.labels.max()) < n
    assert torch.equal(key.expanded(seed).labels, key.labels)


def test_every_wrong_class_is_drawn_about_as_often() -> None:
    images = torch.arange(1800, dtype=torch.int64)[:, None]
    shift = WrongLabelsKey.drawn("ab", images, torch.zeros(1800, dtype=torch.int64), 10).labels
    counts = torch.bincount(shift, minlength=10)
    assert int(counts[0]) == 0
    assert 120 < int(counts[1:].min()) <= int(counts[1:].max()) < 290


def test_triggers_move_to_where_the_model_doubts_their_label(task: Task, trained: Model) -> None:
    key = key_of(task, n=25)
    feed = MarginFeed(key, 25, (5, 1 / 255), Free())
    feed.start(trained, Rng(0), "cpu")
    trained.train()
    before = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    found = feed.examples(0)
    assert found is not None
    assert trained.training
    assert all(torch.equal(before[name], tensor) for name, tensor in trained.state_dict().items())
    still = key.images.float() / 255
    same = torch.cdist(found.images.flatten(1), still.flatten(1)).argmin(1)  # in random order
    assert torch.equal(found.targets, key.labels[same])
    assert float((found.images - still[same]).abs().max()) <= 5 / 255 + 1e-6
    logits = [COMPUTE.logits(trained, images) for images in (still[same], found.images)]
    doubt = [F.cross_entropy(rows, found.targets) for rows in logits]
    assert float(doubt[1]) > float(doubt[0])


def test_moves_are_on_the_meter(task: Task, trained: Model) -> None:
    meters = Meters(Budget(images_backward=4 * 10))
    feed = MarginFeed(key_of(task), 10, (5, 0.01), meters)
    feed.start(trained, Rng(0), "cpu")
    with pytest.raises(BudgetExceeded):
        feed.examples(0)


def test_the_owner_recognises_its_own_model_by_labels(mark: Marking) -> None:
    protected = mark(SCHEME)
    shown = Suspect.bare(protected.model, COMPUTE, "labels")
    verdict = SCHEME.verify(protected.key, shown, Rng(0))
    assert verdict.is_copy
    assert verdict.statistic >= 0.6
    assert shown.n_queries == 20


def test_an_unseen_innocent_is_spared(mark: Marking, suspect: Show, innocent: Model) -> None:
    strict = replace(SCHEME, level=1e-4)
    assert not strict.verify(mark(SCHEME).key, suspect(innocent), Rng(0)).is_copy


def test_the_labels_follow_from_the_committed_seed(mark: Marking) -> None:
    key = mark(SCHEME).key
    assert SCHEME.rederive(key).commitment() == key.commitment()
    forged = replace(key, tensors={**key.tensors, "labels": key.tensors["labels"].flip(0)})
    assert SCHEME.rederive(forged).commitment() != forged.commitment()


def test_a_suspect_of_other_classes_is_not_verified(
    mark: Marking, suspect: Show, task: Task
) -> None:
    few = build(task.card.model_copy(update={"n_classes": 5}), Rng(0))
    verdict = SCHEME.verify(mark(SCHEME).key, suspect(few), Rng(0))
    assert "5 classes apart" in verdict.reason


def test_a_key_whose_parts_do_not_fit_is_refused(task: Task) -> None:
    told = key_of(task).bundle()
    cut = Bundle(told.data, {**told.tensors, "labels": told.tensors["labels"][:3]})
    with pytest.raises(MalformedKey, match=r"expected 'labels' of \(100\), found \(3\)"):
        WrongLabelsKey.read(cut)
