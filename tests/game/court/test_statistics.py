"""Counts: what is rare where models differ in their rates, and where labels are dealt anew."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from arena.game.court.statistics import (
    count_p_value,
    dealt_tail,
    holm,
    null_p_value,
    worth_of,
)

null_sets = st.lists(st.integers(0, 30), min_size=2, max_size=15)


@given(st.integers(0, 29), null_sets)
def test_a_higher_count_is_never_weaker_evidence(count: int, nulls: list[int]) -> None:
    assert count_p_value(count + 1, 30, nulls) <= count_p_value(count, 30, nulls) + 1e-12


@given(st.integers(0, 30), null_sets)
def test_p_values_of_counts_are_probabilities(count: int, nulls: list[int]) -> None:
    assert 0 <= count_p_value(count, 30, nulls) <= 1


@given(st.lists(st.integers(0, 30), max_size=1), st.integers(0, 30))
def test_fewer_than_two_nulls_prove_nothing(nulls: list[int], count: int) -> None:
    assert count_p_value(count, 30, nulls) == 1


@given(null_sets)
def test_what_a_null_reached_is_no_rarer_than_its_rank(nulls: list[int]) -> None:
    assert count_p_value(max(nulls), 30, nulls) >= 2 / (1 + len(nulls)) - 1e-12


def test_readings_of_a_model_that_says_one_thing_are_no_more_models() -> None:
    """Read 16 times each, two models that repeat themselves leave as much open as two do."""
    twice, alike = [30, 36], [30] * 16 + [36] * 16
    assert count_p_value(64, 64, [32] * 16, readings=16) == 1.0
    assert count_p_value(50, 64, alike) < 0.01 < count_p_value(50, 64, alike, readings=16)
    assert count_p_value(50, 64, alike, readings=16) == pytest.approx(
        count_p_value(50, 64, twice), rel=0.2
    )


def drawn(rng: np.random.Generator, between: float, within: float) -> list[list[int]]:
    """Return 16 counts of 64 for each of five models, whose rates differ, and those of readings."""
    rates = rng.normal(0.5, between, 5)[:, None] + rng.normal(0, within, (5, 16))
    counts: list[list[int]] = rng.binomial(64, rates.clip(0.02, 0.98)).tolist()
    return counts


@pytest.mark.parametrize(("between", "within"), [(0.0, 0.05), (0.05, 0.04), (0.1, 0.0)])
def test_the_p_value_holds_where_models_are_read_in_many_ways(
    between: float, within: float
) -> None:
    """Of 1,500 new models at most 2 % are rare at .01, however alike the readings of one are."""
    rng = np.random.default_rng(7)
    n_rare = n_as_models = 0
    for _ in range(1500):
        *nulls, (count, *_) = drawn(rng, between, within)
        known = [each for model in nulls for each in model]
        n_rare += count_p_value(count, 64, known, 16) <= 0.01
        n_as_models += count_p_value(count, 64, known) <= 0.01
    assert n_rare <= 30
    if between == 0.1:  # as if each reading were a model
        assert n_as_models > 2 * n_rare


def test_where_all_readings_agree_nothing_says_that_they_are_more_than_models() -> None:
    assert worth_of([32] * 48, 16) == 3.0


def test_models_that_do_not_differ_leave_the_pooled_predictive() -> None:
    """Nulls at the very rate of all: Jeffreys' beta-binomial of their 12 * 30 answers."""
    a, b = 12 * 3 + 0.5, 12 * 27 + 0.5
    assert count_p_value(9, 30, [3] * 12) == pytest.approx(stats.betabinom.sf(8, 30, a, b))


@pytest.mark.parametrize(
    ("shape", "at_most"),  # of the beta law of the models' rates
    [((1.0, 20.0), 0.02), ((5.0, 45.0), 0.01), ((20.0, 180.0), 0.01), ((50.0, 50.0), 0.01)],
    ids=str,
)
def test_the_p_value_holds_where_models_differ(shape: tuple[float, float], at_most: float) -> None:
    """Of a model and eight nulls whose rates are drawn from one skewed law: p <= .01."""
    dice = np.random.default_rng(0)
    counts = dice.binomial(30, dice.beta(*shape, size=(2000, 9)))
    found = [count_p_value(int(row[0]), 30, row[1:].tolist()) for row in counts]
    assert np.mean(np.array(found) <= 0.01) <= at_most


def test_students_t_calls_skewed_counts_rare_too_often() -> None:
    """Why it is not what counts are tested by: more than 3 % at .01."""
    dice = np.random.default_rng(0)
    counts = dice.binomial(30, dice.beta(1.0, 20.0, size=(2000, 9)))
    found = [null_p_value(int(row[0]), row[1:].tolist(), high=True) for row in counts]
    assert np.mean(np.array(found) <= 0.01) > 0.03


rows = st.integers(1, 6).flatmap(
    lambda n: st.tuples(*2 * (st.lists(st.integers(0, 2), min_size=n, max_size=n),))
)


@given(rows)
def test_dealt_labels_match_as_often_as_in_all_orders_of_them(
    drawn: tuple[list[int], list[int]],
) -> None:
    answers, labels = drawn
    deals = list(permutations(labels))
    matches = [sum(a == b for a, b in zip(answers, deal, strict=True)) for deal in deals]
    counts = [np.bincount(x, minlength=3).tolist() for x in drawn]
    for hits in range(len(labels) + 2):
        share = sum(found >= hits for found in matches) / len(deals)
        assert dealt_tail(hits, *counts) == pytest.approx(share, abs=1e-12)


def test_a_thousand_labels_are_dealt_without_loss_of_digits() -> None:
    found = [dealt_tail(k, [250, 250, 250, 250], [400, 200, 200, 200]) for k in range(0, 1001, 50)]
    assert found == sorted(found, reverse=True)
    assert 0 <= found[-1] < 1e-100 < 0.4 < dealt_tail(250, [250] * 4, [400, 200, 200, 200]) < 0.6


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.2))
def test_holm_rejects_what_bonferroni_does_and_nothing_above_the_level(
    p_values: list[float], level: float
) -> None:
    rejected = [p <= level for p in holm(p_values)]
    for p, is_rejected in zip(p_values, rejected, strict=True):
        assert is_rejected or p > level / len(p_values)
        assert not is_rejected or p <= level


def test_holms_p_values_are_the_textbooks() -> None:
    assert holm([0.04, 0.01, 0.03]) == [0.06, 0.03, 0.06]
    assert holm([]) == []
