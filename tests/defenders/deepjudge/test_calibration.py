"""What innocents show: the bound, tau, and p-values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from defenders.deepjudge.calibration import Calibration, lower_bound

distances = st.lists(st.floats(0, 1, width=16), min_size=2, max_size=20)
shares = st.lists(st.integers(0, 40).map(lambda k: k / 40), min_size=2, max_size=20)


def calibration(metric: str, *nulls: float, alpha: float = 0.9, n_tests: int = 40) -> Calibration:
    return Calibration(metric, nulls, alpha, n_tests)


@given(distances)
def test_the_bound_is_one_side_of_scipys_interval_of_the_mean(nulls: list[float]) -> None:
    if len(set(nulls)) == 1:
        assert lower_bound(nulls) == pytest.approx(nulls[0])
        return
    error = stats.sem(nulls)
    low, _ = stats.t.interval(0.98, len(nulls) - 1, np.mean(nulls), error)  # 1 % on each side
    assert lower_bound(nulls) == pytest.approx(float(low), abs=1e-9)
    assert lower_bound(nulls) <= np.mean(nulls)


@pytest.mark.parametrize(
    ("n", "t"),
    [(3, 6.965), (4, 4.541), (5, 3.747), (6, 3.365), (8, 2.998), (10, 2.821), (20, 2.539)],
)
def test_the_bound_uses_the_99_percent_quantile_of_t(n: int, t: float) -> None:
    """Quantiles from a printed table of Student's t."""
    nulls = [0.5] * (n - 2) + [0.4, 0.6]
    error = float(np.std(nulls, ddof=1)) / math.sqrt(n)
    assert (0.5 - lower_bound(nulls)) / error == pytest.approx(t, abs=5e-4)


@pytest.mark.parametrize("nulls", [[], [0.5]])
def test_fewer_than_two_innocents_bound_nothing(nulls: list[float]) -> None:
    assert math.isnan(lower_bound(nulls))
    assert not calibration("JSD", *nulls).tells
    assert not calibration("RobD", *nulls).tells


@given(distances, st.floats(0.1, 1))
def test_tau_is_alpha_times_the_bound_and_never_below_the_victim(
    nulls: list[float], alpha: float
) -> None:
    found = calibration("JSD", *nulls, alpha=alpha)
    assert found.tau == max(0.0, alpha * found.bound)
    assert 0 <= found.tau <= found.mean + 1e-9


@pytest.mark.parametrize(
    ("metric", "nulls", "tells"),
    [
        ("JSD", (0.5, 0.6), True),
        ("JSD", (0.5, 0.5), False),  # nothing says how much a distance may vary
        ("RobD", (1.0, 1.0), True),  # so many tests bound what they can have missed
        ("RobD", (0.0, 0.0), False),  # every innocent is fooled as the victim is
    ],
)
def test_what_innocents_can_tell(metric: str, nulls: tuple[float, ...], tells: bool) -> None:
    assert calibration(metric, *nulls).tells is tells


@given(distances, st.floats(0, 1))
def test_a_rank_counts_innocents_at_most_as_far(nulls: list[float], value: float) -> None:
    rank = (1 + sum(null <= value for null in nulls)) / (1 + len(nulls))
    assert calibration("JSD", *nulls).rank_p_value(value) == pytest.approx(rank)
    assert calibration("RobD", *nulls).rank_p_value(value) == pytest.approx(rank)


@given(shares, st.integers(0, 40), st.integers(0, 40))
def test_the_p_value_grows_with_the_distance(nulls: list[float], first: int, second: int) -> None:
    near, far = sorted((first / 40, second / 40))
    for metric in ("RobD", "JSD"):
        found = calibration(metric, *nulls)
        assert 0 <= found.p_value(near) <= found.p_value(far) + 1e-12
        assert found.p_value(far) <= 1


@given(shares, st.sampled_from([0.001, 0.005, 0.01]))
def test_the_critical_distance_is_where_the_p_value_turns(nulls: list[float], level: float) -> None:
    robd = calibration("RobD", *nulls)
    places = [k / 40 for k in range(41)]
    called = [place for place in places if robd.p_value(place) <= level]
    assert robd.critical(level) == (max(called) if called else -1 / 40)
    jsd = calibration("JSD", *nulls)
    if jsd.tells:
        edge = jsd.critical(level)
        assert jsd.p_value(edge - 1e-6) <= level * (1 + 1e-3)
        assert jsd.p_value(edge + 1e-6) > level * (1 - 1e-3)


@given(shares)
def test_an_innocent_of_the_calibration_is_never_called_a_copy(nulls: list[float]) -> None:
    """At most 20 innocents: the rank of each alone is above 1 / 21."""
    for metric in ("RobD", "JSD"):
        found = calibration(metric, *nulls)
        assert all(found.p_value(null) > 0.01 for null in nulls)


def test_few_tests_prove_less_than_many() -> None:
    few, many = (calibration("RobD", *[1.0] * 12, n_tests=n) for n in (4, 400))
    assert many.p_value(0.5) < 1e-6 < few.p_value(0.5)
    assert few.p_value(0.5) > 1e-3


def test_what_is_not_rare_among_all_innocents_is_no_proof() -> None:
    """Distances of innocents as they were on MNIST: the strong ones lie close together by luck."""
    strong, weak = [0, 1, 0, 1, 0, 0, 1, 0], [4, 2, 3, 0, 2, 10, 10, 1]  # tests of 150 that hold
    nulls = tuple(1 - n / 150 for n in strong + weak)
    utilities = tuple([0.98] * len(strong) + [0.9] * len(weak))
    found = Calibration("RobD", nulls, 0.9, 150, utilities)
    for n_shared, by_the_nearest in ((5, 0.01), (8, 0.001)):
        innocent = 1 - n_shared / 150
        assert found.known.test.p_value(innocent, found.known.near(0.98)) < by_the_nearest
        assert found.p_value(innocent, 0.98) > 0.05
    assert found.p_value(0.1, 0.98) < 1e-6


@given(shares, shares, st.sampled_from([0.001, 0.01]))
def test_the_critical_distance_holds_for_the_larger_p_value(
    strong: list[float], weak: list[float], level: float
) -> None:
    nulls, utilities = (*strong, *weak), (*[0.9] * len(strong), *[0.5] * len(weak))
    jsd = Calibration("JSD", nulls, 0.9, 40, utilities)
    assume(jsd.tells and len(set(jsd.known.near(0.9))) > 1)
    assert jsd.p_value(jsd.critical(level, 0.9) - 1e-6, 0.9) <= level * (1 + 1e-3)
