"""Nulls: a suspect is compared with the independent models that are as useful as it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.game.court.nulls import Distances, Nulls, NullTest, Rates, Side, Values, nearest
from arena.game.court.statistics import count_p_value, null_p_value

UTILITIES = tuple(np.linspace(0.3, 0.98, 24).round(3).tolist())
FALLING = tuple(1 - 0.8 * u + 0.02 * (-1) ** i for i, u in enumerate(UTILITIES))


def test_without_a_utility_all_models_count() -> None:
    nulls = Nulls(FALLING, UTILITIES, Values("low"))
    assert nulls.near(None) == FALLING
    assert Nulls(FALLING, (), Values("low")).near(0.5) == FALLING
    assert nulls.p_value(0.1) == null_p_value(0.1, FALLING, high=False)


def test_the_nearest_third_counts_and_at_least_eight() -> None:
    assert len(nearest(UTILITIES, 0.6)) == 8
    assert len(nearest(UTILITIES[:5], 0.6)) == 5
    assert len(nearest(tuple(np.linspace(0, 1, 60)), 0.31)) == 20


@given(st.floats(0, 1), st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_no_model_left_out_is_nearer(utility: float, utilities: list[float]) -> None:
    chosen = nearest(utilities, utility)
    reach = max(abs(utilities[i] - utility) for i in chosen)
    left = [u for i, u in enumerate(utilities) if i not in chosen]
    assert all(abs(u - utility) > reach for u in left)


def test_a_weak_innocent_is_a_copy_to_strong_ones_alone() -> None:
    """The worst fault that was: the distance of a weak model is small because it errs."""
    rising = tuple(0.2 + 0.7 * u + 0.01 * (-1) ** i for i, u in enumerate(UTILITIES))
    weak, value = UTILITIES[3], rising[3]
    strong_alone = Nulls(rising[-12:], UTILITIES[-12:], Values("low"))
    assert strong_alone.p_value(value, weak) < 1e-3
    assert Nulls(rising, UTILITIES, Values("low")).p_value(value, weak) > 0.05


def test_the_threshold_is_where_the_p_value_turns() -> None:
    nulls = Nulls(FALLING, UTILITIES, Values("low"))
    turn = nulls.threshold(0.01, 0.9)
    assert nulls.p_value(turn - 1e-6, 0.9) <= 0.01 < nulls.p_value(turn + 1e-6, 0.9)


@pytest.mark.parametrize("copies", ["low", "high"])
def test_the_p_value_holds_for_a_model_like_the_nulls(copies: Side) -> None:
    """Of independent values at the same utility, about one in a hundred has p <= 0.01."""
    dice = np.random.default_rng(0)
    values = dice.normal(size=(3000, 25))
    p = [
        Nulls(tuple(row[1:]), UTILITIES, Values(copies)).p_value(float(row[0]), 0.7)
        for row in values
    ]
    assert np.mean(np.array(p) <= 0.01) < 0.02


def test_what_is_not_rare_among_all_models_is_no_proof() -> None:
    """The nearest ones lie close together by luck: so it was with DeepJudge's RobD on MNIST."""
    values = (*[0.5, 0.51, 0.5, 0.49, 0.5, 0.51, 0.49, 0.5], *np.linspace(0.1, 0.9, 16))
    utilities = (*[0.98] * 8, *[0.9] * 16)
    nulls = Nulls(values, utilities, Values("low"))
    assert nulls.test.p_value(0.4, nulls.near(0.98)) < 1e-4
    assert nulls.p_value(0.4, 0.98) == nulls.test.p_value(0.4, values) > 0.2
    assert nulls.threshold(0.01, 0.98) < 0.0 < nulls.test.threshold(nulls.near(0.98), 0.01)


SKEWED = (0.05, 0.06, 0.05, 0.07, 0.06, 0.08, 0.05, 0.09, 0.17, 0.3)
"""Distances of independent models with far ones among them, as SAC finds them on MNIST."""


@pytest.mark.parametrize("copies", ["low", "high"])
def test_one_far_model_does_not_hide_a_copy(copies: Side) -> None:
    """On their own scale even the victim, at 0, is not rare among such distances: p = 0.1."""
    values = SKEWED if copies == "low" else tuple(1 - value for value in SKEWED)
    copy, near = (0.0, 0.04) if copies == "low" else (1.0, 0.96)
    assert Values(copies).p_value(copy, values) > 0.05
    assert Distances(copies).p_value(copy, values) < 1e-6
    assert Distances(copies).p_value(near, values) > 0.05


@pytest.mark.parametrize("test", [Values("high"), Distances("high"), Rates("high", 40)], ids=str)
def test_a_test_turns_at_its_threshold(test: NullTest) -> None:
    values = (0.1, 0.15, 0.2, 0.1, 0.05, 0.2, 0.1, 0.15)
    turn = test.threshold(values, 0.01)
    assert 0.2 < turn < 1
    assert test.p_value(turn + 1e-6, values) <= 0.01 < test.p_value(turn - 0.02, values)
    assert test.p_value(0.9, ()) == test.p_value(0.9, (0.1,)) == 1


TESTS = [Values("low"), Values("high"), Distances("low"), Distances("high"), Rates("low", 40)]


@pytest.mark.parametrize("test", [*TESTS, Rates("high", 40)], ids=str)
@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.8854, 1.0]), max_size=24),
    st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.5, 0.8854, 0.975, 1.0]),
    st.sampled_from([0.01, 0.05, 0.2]),
)
def test_the_threshold_says_what_the_p_value_says(
    test: NullTest, values: list[float], value: float, level: float
) -> None:
    turn = test.threshold(values, level)
    beyond = value <= turn if test.copies == "low" else value >= turn
    assert beyond is (test.p_value(value, values) <= level)


@pytest.mark.parametrize("test", TESTS[:4], ids=str)
def test_nulls_that_agree_allow_the_rank_alone(test: NullTest) -> None:
    """A deviation of 1e-17, which rounding leaves, made everything rare: p was 0."""
    copy = 0.0 if test.copies == "low" else 1.0
    assert test.p_value(copy, [0.1] * 12) == pytest.approx(1 / 13)


def test_a_null_as_near_as_rounding_ties_with_the_victim() -> None:
    nulls = [0.2, 0.21, 0.19, 0.2, 0.22, 0.2, 0.18, 0.2, 0.21, 0.2, 0.2, 1e-9]
    assert Distances("low").p_value(0.0, nulls) == pytest.approx(2 / 13)


@pytest.mark.parametrize("test", TESTS, ids=str)
def test_where_nothing_is_known_no_value_is_enough(test: NullTest) -> None:
    assert not 0 <= test.threshold((), 0.01) <= 1


@given(st.lists(st.integers(0, 40), min_size=2, max_size=15), st.integers(0, 40))
def test_rates_of_either_side_say_the_same(counts: list[int], found: int) -> None:
    high, low = [[share(k / 40) for k in (found, *counts)] for share in (float, lambda x: 1 - x)]
    p = Rates("high", 40).p_value(high[0], high[1:])
    assert p == Rates("low", 40).p_value(low[0], low[1:])


def test_a_dozen_models_do_not_vouch_for_one_in_10_to_the_200() -> None:
    """The beta-binomial alone said 2e-229 of a copy, since it takes its own spread for known."""
    counts = [220, 250, 240, 260, 230, 245, 255, 235, 225, 265, 240, 250]
    assert count_p_value(1460, 1460, counts) < 1e-100
    p = Rates("high", 1460).p_value(1.0, [count / 1460 for count in counts])
    assert p == null_p_value(1460, counts, high=True) > 1e-30


def test_the_verdict_on_a_count_near_the_level_is_the_beta_binomials() -> None:
    dice = np.random.default_rng(0)
    for shape in [(1.0, 20.0), (5.0, 45.0), (20.0, 180.0)]:
        counts = dice.binomial(100, dice.beta(*shape, size=(200, 9)))
        for row in counts.tolist():
            p = Rates("high", 100).p_value(row[0] / 100, [count / 100 for count in row[1:]])
            alone = count_p_value(row[0], 100, row[1:])
            assert (p <= 0.01) is (alone <= 0.01)
