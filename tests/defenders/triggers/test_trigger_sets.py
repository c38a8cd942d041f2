"""Abstract images, the feed of triggers, and the two verdicts on a trigger set."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import MalformedKey
from arena.game.court.statistics import binomial_tail
from arena.game.rules.keys import Key
from arena.game.sides.suspect import Suspect
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task
from defenders.triggers.adi import Adi
from defenders.triggers.deepsigns_blackbox import DeepSignsBlackBox
from defenders.triggers.scheme import MOST, AdiKey, RandomImagesKey, abstract_images
from defenders.triggers.trigger_sets import (
    TriggerFeed,
    binomial_verdict,
    hit_nulls,
    n_hits,
    null_verdict,
    random_label_verdict,
)
from tests.defenders.conftest import COMPUTE

shapes = st.sampled_from([(1, 8, 8), (3, 5, 7), (1, 28, 28), (30,), (13,)])


@given(st.integers(1, 6), shapes)
def test_abstract_images_fill_the_range_and_follow_from_the_rng(
    n: int, shape: tuple[int, ...]
) -> None:
    images = abstract_images(Rng(7), n, shape)
    assert images.dtype == torch.uint8
    assert images.shape == (n, *shape)
    assert images.flatten(1).amin(1).tolist() == [0] * n
    assert images.flatten(1).amax(1).tolist() == [255] * n
    assert torch.equal(images, abstract_images(Rng(7), n, shape))
    assert not torch.equal(images, abstract_images(Rng(8), n, shape))


def test_no_abstract_image_is_like_another() -> None:
    flat = abstract_images(Rng(0), 100, (1, 8, 8)).double().flatten(1)
    correlation = torch.corrcoef(flat).fill_diagonal_(0)
    assert float(correlation.abs().max()) < 0.95


def fed(n: int, per_batch: int, n_steps: int, seed: int = 0) -> list[int]:
    feed = TriggerFeed(torch.arange(n)[:, None].byte(), torch.arange(n), per_batch)
    feed.start(torch.nn.Identity(), Rng(seed), "cpu")
    batches = [feed.examples(step) for step in range(n_steps)]
    assert all(batch is not None and len(batch) == per_batch for batch in batches)
    return [int(label) for batch in batches if batch is not None for label in batch.targets]


@given(st.integers(1, 12), st.integers(1, 30), st.integers(1, 20))
def test_all_triggers_are_fed_equally_often(n: int, per_batch: int, n_steps: int) -> None:
    counts = torch.bincount(torch.tensor(fed(n, per_batch, n_steps)), minlength=n)
    assert int(counts.max() - counts.min()) <= 1


def test_the_order_follows_from_the_rng_and_starts_anew_with_every_training() -> None:
    assert fed(10, 3, 5) == fed(10, 3, 5)
    assert fed(10, 3, 5) != fed(10, 3, 5, seed=1)


def test_images_keep_their_labels() -> None:
    feed = TriggerFeed(torch.arange(9)[:, None].byte(), torch.arange(9), 4)
    feed.start(torch.nn.Identity(), Rng(0), "cpu")
    batch = feed.examples(0)
    assert batch is not None
    assert batch.images[:, 0].tolist() == batch.targets.tolist()


def test_an_empty_trigger_set_feeds_nothing(tiny: Model) -> None:
    feed = TriggerFeed(torch.zeros(0, 8), torch.zeros(0, dtype=torch.int64), 2)
    feed.start(tiny, Rng(0), "cpu")
    assert feed.examples(0) is None


def test_hits_are_counted() -> None:
    assert n_hits(torch.tensor([1, 2, 3]), torch.tensor([1, 0, 3])) == 2


@pytest.mark.parametrize(
    ("n_classes", "n", "level", "least"),  # by hand
    [
        (10, 10, 0.01, 5), (10, 100, 0.05, 16), (10, 100, 0.01, 19), (10, 100, 1e-6, 28),
        (10, 200, 1e-3, 35), (100, 100, 1e-3, 6), (2, 100, 0.01, 63), (10, 20, 2**-64, 20),
    ],
)  # fmt: skip
def test_as_many_hits_are_needed_as_the_published_table_says(
    n_classes: int, n: int, level: float, least: int
) -> None:
    enough = binomial_verdict(least, n, 1 / n_classes, level)
    short = binomial_verdict(least - 1, n, 1 / n_classes, level)
    assert (enough.is_copy, short.is_copy) == (True, False)
    assert enough.threshold == pytest.approx(least / n)
    assert enough.rescaled + 1e-9 >= 0.5 > short.rescaled


@pytest.mark.parametrize("hits", [7, 11, 20])
def test_published_chances_of_an_innocent_are_reproduced(hits: int) -> None:
    published = {7: 0.055, 11: 4e-4, 20: 2e-3}  # of 35 keys, and of 100
    n = 100 if hits == 20 else 35
    assert binomial_verdict(hits, n, 0.1, 0.01).p_value == pytest.approx(published[hits], rel=0.2)


def test_ten_triggers_cannot_reach_two_to_the_minus_64() -> None:
    verdict = binomial_verdict(10, 10, 0.1, 2**-64)
    assert not verdict.is_copy
    assert verdict.threshold > 1


LABELS = torch.tensor([2] * 20 + [0] * 11 + [1] * 9 + [3] * 9 + [4] * 7 + [5] * 10 + [6] * 34)
"""A key of MNIST's: models that trained for a moment say 2 to nearly all of its images."""


@pytest.mark.parametrize("n_said", [90, 95, 100])
def test_a_model_that_says_one_class_is_no_copy_by_the_keys_many_labels_of_it(n_said: int) -> None:
    answers = torch.full((100,), 2)
    answers[n_said:] = 7
    verdict = random_label_verdict(answers, LABELS, 10, 0.01, null_hits=[10] * 24)
    assert binomial_verdict(20, 100, 0.1, 0.01, null_hits=[10] * 24).is_copy
    assert (verdict.statistic, verdict.is_copy) == (0.2, False)


def test_the_schemes_with_random_labels_accuse_no_model_that_says_one_class(task: Task) -> None:
    images = torch.zeros(100, 1, 8, 8, dtype=torch.uint8)
    one = torch.nn.functional.one_hot(torch.full((100,), 2), 10).float()
    says_two = Suspect(lambda asked: one[: len(asked)], "labels", task.card, COMPUTE)
    fresh = RandomImagesKey(
        n_candidates=100,
        shape=(1, 8, 8),
        n_classes=10,
        images=images,
        labels=LABELS,
        kept=torch.arange(100),
        null_hits=[10] * 24,
    )
    keys = (
        (Adi(), AdiKey.holding(images, LABELS, 10).into(Key("adi", ""))),
        (DeepSignsBlackBox(), fresh.into(Key("deepsigns-blackbox", ""))),
    )
    for scheme, key in keys:
        verdict = scheme.verify(key, says_two, Rng(0))
        assert (verdict.statistic, verdict.p_value) == (0.2, 1.0)


def test_more_than_a_thousand_kept_candidates_are_no_key() -> None:
    n = MOST + 1
    key = RandomImagesKey(
        n_candidates=n,
        shape=(1, 2, 2),
        n_classes=10,
        images=torch.zeros(n, 1, 2, 2, dtype=torch.uint8),
        labels=torch.arange(n) % 10,
        kept=torch.arange(n),
    )
    with pytest.raises(MalformedKey, match="at most 1,000 keys, found 1,001"):
        RandomImagesKey.of(key.into(Key("deepsigns-blackbox", "")))


def test_who_gives_the_owners_labels_is_a_copy_whatever_their_numbers() -> None:
    verdict = random_label_verdict(LABELS, LABELS, 10, 1e-6)
    assert verdict.is_copy
    assert verdict.p_value < 1e-50


def test_labels_that_are_spread_evenly_are_judged_by_the_binomial() -> None:
    labels = torch.arange(100) % 10
    answers = torch.where(torch.arange(100) < 23, labels, (labels + 1) % 10)
    found = random_label_verdict(answers, labels, 10, 0.01).p_value
    assert found == pytest.approx(binomial_tail(23, 100, 0.1), rel=0.2)


def test_a_thousand_triggers_are_the_most_that_labels_are_dealt_to() -> None:
    key = AdiKey.holding(torch.zeros(MOST, 1, 2, 2, dtype=torch.uint8), torch.arange(MOST) % 10, 10)
    assert random_label_verdict(key.labels, key.labels, 10, 1e-6).is_copy
    more = AdiKey.holding(torch.cat([key.images] * 2), torch.cat([key.labels] * 2), 10)
    with pytest.raises(MalformedKey, match="1000"):
        AdiKey.of(more.into(Key("adi", "")))


@given(st.lists(st.integers(0, 30), max_size=1))
def test_fewer_than_two_nulls_prove_nothing(nulls: list[int]) -> None:
    assert not null_verdict(30, 30, hit_nulls(nulls, 30), 0.01).is_copy


def test_nulls_without_a_hit_do_not_make_one_hit_a_proof() -> None:
    assert not null_verdict(1, 33, hit_nulls([0] * 12, 33), 0.01).is_copy
    assert null_verdict(33, 33, hit_nulls([0] * 12, 33), 0.01).p_value < 1e-20


def test_a_null_model_that_always_says_the_target_makes_every_count_innocent() -> None:
    assert not null_verdict(33, 33, hit_nulls([0] * 11 + [33], 33), 0.01).is_copy


def test_a_single_label_is_not_judged_by_one_class_in_c() -> None:
    """Nulls that hit the shared label often are the trap of the binomial rule."""
    hits, n, nulls = 20, 40, [16, 22, 14, 25, 18, 20]
    assert binomial_tail(hits, n, 0.1) < 1e-6
    assert not null_verdict(hits, n, hit_nulls(nulls, n), 0.01).is_copy


def test_both_verdicts_report_the_papers_rule_and_the_nulls() -> None:
    verdict = null_verdict(20, 33, hit_nulls([0, 1, 0, 2], 33), 0.01)
    assert verdict.rule is not None
    assert (verdict.rule.name, verdict.rule.is_copy) == ("TSA > 0.5", True)
    assert verdict.figures["null_hits"] == [0, 1, 0, 2]
    assert binomial_verdict(20, 100, 0.1, 0.01).rule.is_copy is False  # type: ignore[union-attr]
