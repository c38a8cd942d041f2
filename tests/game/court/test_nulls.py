"""Nulls: a suspect is compared with the independent models that are as useful as it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.game.court.nulls import Nulls, nearest
from arena.game.court.statistics import null_p_value

UTILITIES = tuple(np.linspace(0.3, 0.98, 24).round(3).tolist())
FALLING = tuple(1 - 0.8 * u + 0.02 * (-1) ** i for i, u in enumerate(UTILITIES))


def test_without_a_utility_all_models_count() -> None:
    nulls = Nulls(FALLING, UTILITIES, "low")
    assert nulls.near(None) == FALLING
    assert Nulls(FALLING, (), "low").near(0.5) == FALLING
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
    strong_alone = Nulls(rising[-12:], UTILITIES[-12:], "low")
    assert strong_alone.p_value(value, weak) < 1e-3
    assert Nulls(rising, UTILITIES, "low").p_value(value, weak) > 0.05


def test_the_threshold_is_where_the_p_value_turns() -> None:
    nulls = Nulls(FALLING, UTILITIES, "low")
    turn = nulls.threshold(0.01, 0.9)
    assert nulls.p_value(turn - 1e-6, 0.9) <= 0.01 < nulls.p_value(turn + 1e-6, 0.9)


@pytest.mark.parametrize("copies", ["low", "high"])
def test_the_p_value_holds_for_a_model_like_the_nulls(copies: str) -> None:
    """Of independent values at the same utility, about one in a hundred has p <= 0.01."""
    dice = np.random.default_rng(0)
    values = dice.normal(size=(3000, 25))
    p = [
        Nulls(tuple(row[1:]), UTILITIES, copies).p_value(float(row[0]), 0.7)  # type: ignore[arg-type]
        for row in values
    ]
    assert np.mean(np.array(p) <= 0.01) < 0.02
