"""Zhang's content watermark: the pattern, the classes, the held-out triggers, the null models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import PlayerError
from arena.game.court.reference import Reference
from arena.game.rules.keys import redrawn
from arena.game.sides.defense import OwnerTask
from arena.game.sides.suspect import Suspect
from arena.world.data import Dataset
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task
from defenders.triggers import zhang
from defenders.triggers.scheme import pasted, pattern_from
from defenders.triggers.zhang import Zhang, classes_from
from tests.defenders.conftest import COMPUTE, Marking

pytestmark = pytest.mark.long

Show = Callable[[Model], Suspect]
SCHEME = Zhang(per_batch=6, n_beside=60)
seeds = st.integers(0, 10**6).map(str)


@given(seeds, st.sampled_from([(1, 8, 8), (3, 32, 32), (1, 5, 9)]), st.floats(0.05, 1))
def test_the_pattern_sits_in_a_corner_and_follows_from_the_seed(
    seed: str, shape: tuple[int, int, int], share: float
) -> None:
    pattern, (row, column) = pattern_from(seed, shape, share)
    again, place = pattern_from(seed, shape, share)
    channels, height, width = pattern.shape
    assert channels == shape[0]
    assert row in (0, shape[1] - height)
    assert column in (0, shape[2] - width)
    assert torch.equal(pattern, again)
    assert place == (row, column)


def test_pasting_changes_the_pattern_and_nothing_else() -> None:
    images = torch.full((3, 1, 6, 6), 9, dtype=torch.uint8)
    pattern = torch.tensor([[[200, 201], [202, 203]]], dtype=torch.uint8)
    marked = pasted(images, pattern, (4, 0))
    assert torch.equal(marked[:, :, 4:, :2], pattern.expand(3, 1, 2, 2))
    assert int((marked != images).sum()) == 3 * 4
    assert int(images.sum()) == 3 * 36 * 9  # the images that were given are untouched


@given(seeds, st.integers(2, 12))
def test_drawn_classes_differ(seed: str, n: int) -> None:
    source, target = classes_from(seed, None, None, n)
    assert source != target
    assert {source, target} <= set(range(n))


@given(seeds)
def test_given_classes_are_kept(seed: str) -> None:
    assert classes_from(seed, 4, 6, 10) == (4, 6)
    assert classes_from(seed, 4, None, 10)[0] == 4
    assert classes_from(seed, None, 6, 10)[1] == 6
    assert len({*classes_from(seed, 4, None, 10)}) == len({*classes_from(seed, None, 6, 10)}) == 2


@pytest.mark.parametrize(("source", "target"), [(3, 3), (10, 1), (1, 10), (-1, 2)])
def test_classes_that_cannot_be_are_refused(source: int, target: int) -> None:
    with pytest.raises(PlayerError, match="two different classes below 10"):
        classes_from("seed", source, target, 10)


def test_triggers_are_marked_images_of_the_source_class_that_were_held_out(
    mark: Marking, owner_task: OwnerTask
) -> None:
    key = mark(SCHEME).key
    own = owner_task.data.images[owner_task.data.labels == key.settings["source"]]
    clean = torch.cat([key.tensors["embedded"], key.tensors["held-out"]])
    assert sorted(map(bytes, own.flatten(1).numpy())) == sorted(
        map(bytes, clean.flatten(1).numpy())
    )
    triggers = SCHEME.trigger_images(key)
    height, width = key.tensors["pattern"].shape[1:]
    assert len(triggers) == len(key.tensors["held-out"])
    assert int((triggers != key.tensors["held-out"]).flatten(1).sum(1).max()) <= height * width


def test_the_mark_generalises_to_images_that_were_never_shown_with_it(
    mark: Marking, suspect: Show
) -> None:
    protected = mark(SCHEME)
    verdict = SCHEME.verify(protected.key, suspect(protected.model), Rng(0))
    assert verdict.statistic == verdict.figures["tsa/generalise"] >= 0.9
    assert verdict.figures["tsa/memorise"] >= 0.9
    assert verdict.is_copy
    assert verdict.p_value < 5e-3  # the rank among other keys ends at one over their number


def test_more_keys_beside_allow_smaller_p_values(owner_task: OwnerTask, suspect: Show) -> None:
    few = replace(SCHEME, n_beside=8).protect(owner_task, Rng(4))
    n = few.key.tensors["beside"].numel()
    verdict = SCHEME.verify(few.key, suspect(few.model), Rng(0))
    assert 1 / (1 + n) <= verdict.p_value
    assert verdict.figures["n_redrawn"] <= n


def test_a_mark_that_independent_models_answer_is_redrawn(
    owner_task: OwnerTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first two keys are declared loud; the third one is committed, and follows from it."""
    asked = iter([False, False])
    monkeypatch.setattr(zhang, "is_quiet", lambda hits, n: next(asked, True))
    key = SCHEME.protect(owner_task, Rng(4)).key
    assert key.settings["redraws"] == 2
    assert SCHEME.rederive(key).commitment() == key.commitment()
    pattern, _ = pattern_from(redrawn(key.seed, 2), (1, 8, 8), SCHEME.size)
    assert torch.equal(key.tensors["pattern"], pattern)


def test_innocents_do_not_know_the_mark(
    mark: Marking, suspect: Show, innocent: Model, owner_task: OwnerTask
) -> None:
    for model in (innocent, owner_task.base()):
        verdict = SCHEME.verify(mark(SCHEME).key, suspect(model), Rng(0))
        assert not verdict.is_copy


def test_the_key_holds_the_hits_of_the_null_models(
    mark: Marking, suspect: Show, nulls: list[Model]
) -> None:
    key = mark(SCHEME).key
    target, triggers = key.settings["target"], SCHEME.trigger_images(key)
    found = [int((COMPUTE.labels(null, triggers) == target).sum()) for null in nulls]
    assert key.settings["null_hits"] == found


def test_without_null_models_nothing_is_ever_proved(owner_task: OwnerTask, suspect: Show) -> None:
    protected = SCHEME.protect(replace(owner_task, null_models=tuple), Rng(4))
    verdict = SCHEME.verify(protected.key, suspect(protected.model), Rng(0))
    assert verdict.statistic >= 0.9
    assert (verdict.is_copy, verdict.p_value) == (False, 1)


def test_labels_are_all_that_verification_asks_for(mark: Marking) -> None:
    protected = mark(SCHEME)
    shown = Suspect.bare(protected.model, COMPUTE, "labels")
    assert SCHEME.verify(protected.key, shown, Rng(0)).is_copy
    n_images = len(protected.key.tensors["embedded"]) + len(protected.key.tensors["held-out"])
    assert shown.n_queries == n_images + len(Reference.read(protected.key).labels)


def test_the_pattern_follows_from_the_seed_and_the_images_do_not(mark: Marking) -> None:
    key = mark(SCHEME).key
    assert SCHEME.rederive(key).commitment() == key.commitment()
    painted = replace(key, tensors={**key.tensors, "pattern": key.tensors["pattern"] ^ 255})
    assert SCHEME.rederive(painted).commitment() != painted.commitment()


def test_without_a_protocol_the_seed_is_thrown_away(owner_task: OwnerTask) -> None:
    assert replace(SCHEME, protocol="none").protect(owner_task, Rng(4)).key.seed == ""


@pytest.mark.parametrize("embedded", [0.0, 1.0])
def test_there_must_be_images_to_embed_and_to_hold_out(
    owner_task: OwnerTask, embedded: float
) -> None:
    with pytest.raises(PlayerError, match="to mark and to hold out"):
        replace(SCHEME, embedded=embedded).protect(owner_task, Rng(4))


def test_a_source_class_without_images_is_refused(owner_task: OwnerTask) -> None:
    data = owner_task.data
    without = Dataset(data.name, data.images, data.labels.clamp(max=8), data.classes)
    with pytest.raises(PlayerError, match="images of class 9"):
        replace(SCHEME, source=9).protect(replace(owner_task, data=without), Rng(4))


def test_a_suspect_without_the_target_class_is_not_verified(
    mark: Marking, suspect: Show, task: Task
) -> None:
    key = mark(SCHEME).key
    key = replace(key, settings={**key.settings, "target": 9})
    few = build(task.card.model_copy(update={"n_classes": 5}), Rng(0))
    verdict = SCHEME.verify(key, suspect(few), Rng(0))
    assert not verdict.is_copy
    assert "no class 9" in verdict.reason
