"""Adi's watermark: the key from its seed, the verdict, the stored last layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from arena.errors import NotComparable
from arena.game.rules.keys import prf_labels
from arena.game.sides.defense import OwnerTask
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.bundle import Bundle
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task
from attackers.modify.finetune import reset_head
from defenders.triggers.adi import Adi, head_of, with_head
from defenders.triggers.scheme import AdiKey
from tests.defenders.conftest import COMPUTE, Marking

Show = Callable[[Model], Suspect]
STRONG = Adi(n_triggers=40, per_batch=12)  # seen often: the task here trains for 88 steps


def drawn(seed: str) -> AdiKey:
    """500 triggers of digits."""
    return AdiKey.from_seed(seed, 500, (1, 8, 8), 10)


def test_labels_are_the_prf_of_seed_and_image_and_about_uniform() -> None:
    key = drawn("ab")
    assert torch.equal(key.labels, prf_labels("ab", key.images, 10))
    counts = torch.bincount(key.labels, minlength=10)
    assert 25 < int(counts.min()) <= int(counts.max()) < 80


def test_images_and_labels_follow_from_the_seed_alone() -> None:
    one, again, other = (drawn(seed) for seed in ("ab", "ab", "cd"))
    assert torch.equal(one.images, again.images)
    assert torch.equal(one.labels, again.labels)
    assert not torch.equal(one.images, other.images)


def test_the_owner_recognises_its_own_model(mark: Marking, suspect: Show) -> None:
    protected = mark(STRONG)
    verdict = STRONG.verify(protected.key, suspect(protected.model), Rng(0))
    assert verdict.statistic >= 0.9
    assert verdict.is_copy
    assert verdict.p_value < 1e-6


def test_labels_are_all_that_verification_asks_for(mark: Marking) -> None:
    protected = mark(STRONG)
    shown = Suspect.bare(protected.model, COMPUTE, "labels")
    assert STRONG.verify(protected.key, shown, Rng(0)).is_copy
    assert shown.n_queries == 40


def test_innocents_are_near_chance(
    mark: Marking, suspect: Show, innocent: Model, owner_task: OwnerTask
) -> None:
    for model in (innocent, owner_task.base()):
        verdict = STRONG.verify(mark(STRONG).key, suspect(model), Rng(0))
        assert verdict.statistic < 0.3
        assert not verdict.is_copy


def test_the_model_stays_useful(mark: Marking, owner_task: OwnerTask, task: Task) -> None:
    test = task.splits.test
    marked, base = (
        COMPUTE.accuracy(model, test.images, test.labels)
        for model in (mark(STRONG).model, owner_task.base())
    )
    assert marked > base - 0.08  # 88 steps; the played games hold it to a point


def test_the_key_follows_from_its_seed(mark: Marking) -> None:
    key = mark(STRONG).key
    assert STRONG.rederive(key).commitment() == key.commitment()
    assert STRONG.rederive(replace(key, seed="00" * 32)).commitment() != key.commitment()


def test_without_a_protocol_the_seed_is_thrown_away_and_the_mark_still_reads(
    owner_task: OwnerTask, suspect: Show
) -> None:
    scheme = replace(STRONG, protocol="none")
    protected = scheme.protect(owner_task, Rng(4))
    assert protected.key.seed == ""
    assert scheme.verify(protected.key, suspect(protected.model), Rng(0)).is_copy


def test_the_triggers_are_shown_to_the_referee(mark: Marking) -> None:
    key = mark(STRONG).key
    assert torch.equal(STRONG.trigger_images(key), key.tensors["images"])


def test_chance_is_what_the_suspect_makes_it_not_what_the_key_claims(
    mark: Marking, suspect: Show, innocent: Model
) -> None:
    key = mark(STRONG).key
    boasting = replace(key, settings={**key.settings, "n_classes": 10_000})
    verdict = STRONG.verify(boasting, suspect(innocent), Rng(0))
    assert not verdict.is_copy
    assert "10 classes apart" in verdict.reason


def test_a_suspect_of_another_shape_is_not_verified(
    mark: Marking, suspect: Show, task: Task
) -> None:
    wide = build(task.card.model_copy(update={"input_shape": (1, 12, 12)}), Rng(0))
    verdict = STRONG.verify(mark(STRONG).key, suspect(wide), Rng(0))
    assert (verdict.is_copy, verdict.p_value) == (False, 1)
    assert "takes inputs of (1, 12, 12)" in verdict.reason


SWAPPING = replace(STRONG, swap_head=True)


def test_a_redrawn_last_layer_silences_the_mark_until_the_owners_is_put_back(
    mark: Marking, suspect: Show
) -> None:
    protected = mark(SWAPPING)
    reset_head(protected.model, Rng(9))
    own_head = STRONG.verify(protected.key, suspect(protected.model), Rng(0))
    assert not own_head.is_copy
    assert SWAPPING.verify(protected.key, suspect(protected.model), Rng(0)).is_copy


def test_putting_the_last_layer_back_needs_weights(mark: Marking) -> None:
    protected = mark(SWAPPING)
    shown = Suspect.bare(protected.model, COMPUTE, "labels")
    verdict = SWAPPING.verify(protected.key, shown, Rng(0))
    assert not verdict.is_copy
    assert 'verification = "weights"' in verdict.reason


def test_a_stored_last_layer_is_nothing_that_a_seed_proves(mark: Marking) -> None:
    key = mark(SWAPPING).key
    assert SWAPPING.rederive(key).commitment() != key.commitment()


def test_a_last_layer_goes_through_a_file_and_back_into_the_model(mark: Marking) -> None:
    protected = mark(SWAPPING)
    key = replace(
        protected.key, tensors=Bundle.from_bytes(protected.key.bundle().to_bytes()).tensors
    )
    before = protected.model.digest()
    reset_head(protected.model, Rng(9))
    assert protected.model.digest() != before
    assert with_head(protected.model, AdiKey.of(key).head).digest() == before


def test_a_last_layer_of_another_width_does_not_fit(mark: Marking, task: Task) -> None:
    model, stored = build(task.card_for("mlp", {"hidden": [7]}), Rng(0)), mark(SWAPPING).key
    with pytest.raises(NotComparable, match="does not fit"):
        with_head(model, AdiKey.of(stored).head)


def test_the_stored_last_layer_is_a_copy(mark: Marking) -> None:
    model = mark(STRONG).model
    stored = head_of(model)["weight"]
    layers.weight(model, layers.head(model, model.card.input_shape)).data.zero_()
    assert float(stored.abs().sum()) > 0
