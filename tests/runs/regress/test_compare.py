"""The test of protection: what it calls weaker, and how often it is wrong."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import BaselineError
from arena.game.sides.player import PlayerSpec
from arena.runs.regress.cells import Cell, Thief, mean_interval
from arena.runs.regress.compare import LEVEL, check_power, compare, permutation_p

N = 8


def thief(rate: float) -> Thief:
    return Thief(moves=(PlayerSpec(name="prune", settings={"rate": rate}),))


def cell(values: list[float], rate: float = 0.5) -> Cell:
    """Return the cell of bit error rates: the lower, the stronger."""
    n = len(values)
    return Cell(
        thief=thief(rate),
        statistic="BER",
        strong=False,
        values=tuple(values),
        p_values=(0.0,) * n,
        caught=n,
        kept=(1.0,) * n,
    )


def errors(rate: float, rng: np.random.Generator, n_bits: int = 64) -> list[float]:
    return [float(k) / n_bits for k in rng.binomial(n_bits, rate, N)]


def test_a_clear_loss_is_weaker_and_a_clear_gain_is_stronger() -> None:
    low, high = [k / 64 for k in range(N)], [k / 64 for k in range(20, 20 + N)]
    (lost,), (won,) = compare([cell(low)], [cell(high)]), compare([cell(high)], [cell(low)])
    assert (lost.status, won.status) == ("weaker", "stronger")
    assert lost.p_weaker == won.p_stronger == pytest.approx(1 / 12870)


def test_the_same_again_holds() -> None:
    (same,) = compare([cell([0.125] * N)], [cell([0.125] * N)])
    assert (same.status, same.p_weaker) == ("held", 1.0)


def test_a_cell_that_only_one_side_has_is_missing() -> None:
    found = compare([cell([0.1] * N, 0.5), cell([0.1] * N, 0.6)], [cell([0.1] * N, 0.5)])
    assert [one.status for one in found] == ["held", "missing"]
    (new,) = compare([], [cell([0.1] * N)])
    assert (new.status, new.before) == ("missing", None)


def test_false_alarms_are_no_more_than_the_level_says() -> None:
    """300 pairs of three thieves, nothing changed: at .05, at most .1 (4 deviations)."""
    rng = np.random.default_rng(1)
    alarms: Counter[str] = Counter()
    for _ in range(300):
        before = [cell(errors(rate, rng), rate) for rate in (0.05, 0.2, 0.4)]
        now = [cell(errors(rate, rng), rate) for rate in (0.05, 0.2, 0.4)]
        alarms[str(any(one.status == "weaker" for one in compare(before, now, 0.05)))] += 1
    assert alarms["True"] / 300 <= 0.1


def test_a_mark_with_twice_the_errors_is_found() -> None:
    """One cell of three suffices; at 64 bits and the shipped level 95 of 100 pairs are found."""
    rng = np.random.default_rng(2)
    found = 0
    for _ in range(100):
        before = [cell(errors(rate, rng), rate) for rate in (0.02, 0.1, 0.2)]
        now = [
            cell(errors(worse, rng), rate) for rate, worse in ((0.02, 0.04), (0.1, 0.2), (0.2, 0.4))
        ]
        found += any(one.status == "weaker" for one in compare(before, now, LEVEL))
    assert found >= 95


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=5),
    st.lists(st.floats(0, 1), min_size=1, max_size=5),
)
def test_a_permutation_p_value_is_one(before: list[float], now: list[float]) -> None:
    p = permutation_p(before, now)
    assert 0 < p <= 1
    shifted = [value + 2 for value in now]
    assert permutation_p(before, shifted) >= p


def test_all_orders_of_a_sample_give_uniform_p_values() -> None:
    """Over all ways to part eight values in two, P(p <= a) is at most a: the test is exact."""
    values = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    p_values = []
    for chosen in itertools.combinations(range(8), 4):
        rest = [values[i] for i in range(8) if i not in chosen]
        p_values.append(permutation_p(rest, [values[i] for i in chosen]))
    for level in (0.02, 0.05, 0.1, 0.5):
        assert np.mean(np.asarray(p_values) <= level) <= level + 1e-12


def test_an_interval_of_a_mean_is_students() -> None:
    low, high = mean_interval([0.1, 0.2, 0.3])
    assert (low, high) == pytest.approx((0.2 - 0.2484, 0.2 + 0.2484), abs=1e-4)


@pytest.mark.parametrize("n_seeds", range(1, 11))
@pytest.mark.parametrize("n_cells", [1, 3, 4, 12, 13])
def test_as_few_seeds_as_could_never_fail_are_refused(n_seeds: int, n_cells: int) -> None:
    rates = [i / 100 for i in range(n_cells)]
    before = [cell([0.0] * n_seeds, rate) for rate in rates]
    lost = [cell([0.5] * n_seeds, rate) for rate in rates]
    tells = all(found.status == "weaker" for found in compare(before, lost))
    if tells:
        check_power(n_seeds, n_cells)
    else:
        with pytest.raises(BaselineError, match=f"found {n_seeds}"):
            check_power(n_seeds, n_cells)
