"""Statistics, verdicts, scores, keys, the register."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from arena.errors import RuleViolation
from arena.game.court.statistics import (
    area_interval,
    area_under,
    binomial_tail,
    least_hits,
    null_p_value,
    null_threshold,
    proportion_interval,
    rank_p_value,
)
from arena.game.court.verdict import Verdict
from arena.game.rules import score
from arena.game.rules.keys import Key, Register, expand, fresh_seed, prf_labels, random_bits
from arena.world.rng import Rng

shares = st.floats(0, 1)


@pytest.mark.parametrize(
    ("n", "p", "level", "hits"),
    [  # computed by hand
        (100, 0.1, 0.05, 16), (100, 0.1, 0.01, 19), (100, 0.1, 1e-6, 28), (10, 0.1, 1e-6, 8),
        (50, 0.1, 1e-3, 14), (100, 0.01, 1e-3, 6), (100, 0.5, 0.01, 63),
        (64, 0.5, 1e-6, 51), (256, 0.5, 1e-9, 176), (512, 0.5, 2**-64, 358),
    ],
)  # fmt: skip
def test_least_hits_are_those_of_the_published_table(
    n: int, p: float, level: float, hits: int
) -> None:
    assert least_hits(n, p, level) == hits


def test_no_number_of_hits_may_be_enough() -> None:
    assert least_hits(16, 0.5, 1e-6) == 17


@given(st.integers(1, 300), st.floats(0.01, 0.99), st.data())
def test_the_tail_is_the_sum_of_probabilities(n: int, p: float, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    expected = stats.binom.pmf(np.arange(hits, n + 1), n, p).sum()
    assert binomial_tail(hits, n, p) == pytest.approx(expected, rel=1e-6, abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=30, unique=True), st.booleans())
def test_the_threshold_is_where_the_null_p_value_is_the_level(
    nulls: list[float], high: bool
) -> None:
    if np.std(nulls) < 1e-3:
        return
    at, step = null_threshold(nulls, 0.01, high=high), 1e-6 if high else -1e-6
    assert null_p_value(at + step, nulls, high=high) <= 0.01
    assert null_p_value(at - 100 * step, nulls, high=high) > 0.0099


def test_what_a_null_reached_is_no_rarer_than_its_rank() -> None:
    assert null_p_value(1.0, [0.0] * 11 + [1.0], high=True) == pytest.approx(2 / 13)
    assert null_p_value(0.0, [1.0] * 11 + [0.0], high=False) == pytest.approx(2 / 13)


def test_null_p_values_are_valid_for_one_more_null() -> None:
    draw = Rng(0).numpy().normal(size=(4000, 13))
    ps = np.array([null_p_value(float(row[0]), list(row[1:]), high=True) for row in draw])
    for level in (0.01, 0.05, 0.2):  # not beyond the level, but for the noise of 4,000 draws
        assert (ps <= level).mean() <= level + 3 * math.sqrt(level / 4000)
    assert (ps <= 0.01).mean() > 0.002  # and not empty of power


@pytest.mark.parametrize(("value", "expected"), [(1.0, 1 / 6), (0.0, 1.0)])
def test_nulls_without_spread_leave_the_rank_test(value: float, expected: float) -> None:
    assert null_p_value(value, [0.0] * 5, high=True) == pytest.approx(expected)


def test_one_null_says_nothing() -> None:
    assert null_p_value(9.0, [0.1], high=True) == 1.0
    assert math.isinf(null_threshold([0.1], 0.01, high=True))


def test_ranks_count_from_the_side_of_the_copies() -> None:
    assert rank_p_value(0.9, [0.1, 0.2, 0.95], high=True) == pytest.approx(2 / 4)
    assert rank_p_value(0.1, [0.1, 0.2, 0.95], high=False) == pytest.approx(2 / 4)


@given(st.integers(1, 200), st.data())
def test_the_exact_interval_holds_the_share(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    low, high = proportion_interval(hits, n)
    assert 0 <= low <= hits / n <= high <= 1
    theirs = stats.binomtest(hits, n).proportion_ci(0.95, "exact")
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(st.lists(shares, min_size=1, max_size=9), st.lists(shares, min_size=1, max_size=9))
def test_the_area_under_the_curve_is_that_of_mann_and_whitney(
    a: list[float], b: list[float]
) -> None:
    pairs = len(a) * len(b)
    assert area_under(a, b) == pytest.approx(stats.mannwhitneyu(a, b).statistic / pairs)
    assert area_under(a, b) + area_under(b, a) == pytest.approx(1)


@given(shares, st.integers(1, 60), st.integers(1, 60))
def test_the_interval_of_an_area_holds_it_on_either_side(area: float, n: int, m: int) -> None:
    low, high = area_interval(area, n, m)
    assert 0 <= low <= area + 1e-8
    assert area - 1e-8 <= high <= 1
    assert area_interval(1 - area, n, m) == pytest.approx((1 - high, 1 - low), abs=1e-6)
    wide, wider = area_interval(area, n, m, 0.8), area_interval(area, n, m, 0.99)
    assert wider[0] <= wide[0] + 1e-8
    assert wide[1] <= wider[1] + 1e-8


@pytest.mark.parametrize("distance", [0.0, 1.0, 3.0])
def test_the_interval_of_an_area_holds_the_true_one_as_often_as_it_says(distance: float) -> None:
    """Normal scores of ten of each kind; at a distance of 3 most areas that are seen are 1."""
    draw, n_held = Rng(1).numpy(), 0
    true = stats.norm.cdf(distance / 2**0.5)
    for _ in range(400):
        found = area_under(draw.normal(distance, 1, 10).tolist(), draw.normal(0, 1, 10).tolist())
        low, high = area_interval(found, 10, 10)
        n_held += low <= true <= high
    assert n_held / 400 > 0.95 - 3 * (0.95 * 0.05 / 400) ** 0.5


@given(shares, shares, shares)
def test_kept_is_a_share(suspect: float, victim: float, chance: float) -> None:
    assert 0 <= score.kept(suspect, victim, chance) <= 1


@pytest.mark.parametrize(
    ("suspect", "victim", "expected"),
    [(0.9, 0.9, 1.0), (0.1, 0.9, 0.0), (0.5, 0.9, 0.5), (1.0, 0.9, 1.0), (0.05, 0.9, 0.0)],
)
def test_kept_runs_from_chance_to_the_victim(
    suspect: float, victim: float, expected: float
) -> None:
    assert score.kept(suspect, victim, 0.1) == pytest.approx(expected)


def test_a_caught_thief_gets_nothing() -> None:
    assert score.evading_payoff(1.0, caught=True) == 0
    assert score.evading_payoff(0.7, caught=False) == 0.7


@pytest.mark.parametrize(
    ("caught", "suspect", "expected"),
    [(False, 0.95, True), (False, 0.949, False), (True, 1.0, False), (False, 1.0, True)],
)
def test_removal_is_judged_on_one_side(caught: bool, suspect: float, expected: bool) -> None:
    assert score.removed(caught, suspect, 1.0) is expected


def verdict(statistic: float, threshold: float, copies: str) -> Verdict:
    side: Literal["low", "high"] = "low" if copies == "low" else "high"
    return Verdict(False, 1.0, statistic, threshold, "x", side, "")


@given(shares, st.floats(0.01, 0.99), st.sampled_from(["low", "high"]))
def test_rescaling_puts_the_threshold_at_one_half(
    value: float, threshold: float, copies: str
) -> None:
    assert verdict(threshold, threshold, copies).rescaled == pytest.approx(0.5)
    found = verdict(value, threshold, copies).rescaled
    assert 0 <= found <= 1
    is_beyond = value > threshold if copies == "high" else value < threshold
    if abs(value - threshold) > 1e-6:
        assert (found > 0.5) == is_beyond


@given(shares, shares, st.floats(0, 1), st.sampled_from(["low", "high"]))
def test_rescaling_keeps_the_order(a: float, b: float, threshold: float, copies: str) -> None:
    low, high = (verdict(value, threshold, copies).rescaled for value in sorted((a, b)))
    assert low <= high + 1e-12 if copies == "high" else low >= high - 1e-12
    assert 0 <= low <= 1


def test_a_full_mark_rescales_to_one() -> None:
    assert verdict(1.0, 0.19, "high").rescaled == 1.0
    assert verdict(0.0, 0.34, "low").rescaled == 1.0


def test_where_no_value_is_enough_none_reaches_one_half() -> None:
    assert verdict(1.0, math.inf, "high").rescaled < 0.5
    assert verdict(0.0, -math.inf, "low").rescaled < 0.5
    assert verdict(1.0, 1.1, "high").rescaled < 0.5


def test_an_unreadable_suspect_is_not_verified() -> None:
    found = Verdict.unreadable("no layer", "BER", "low")
    assert (found.is_copy, found.p_value, found.reason) == (False, 1.0, "not verified: no layer")
    assert found.rescaled < 0.5


def test_a_key_expands_from_its_seed_alone() -> None:
    seed = fresh_seed(Rng(1))
    assert len(seed) == 64
    assert expand(seed, "bits").integer() == expand(seed, "bits").integer()
    assert expand(seed, "bits").integer() != expand(seed, "matrix").integer()
    assert fresh_seed(Rng(1)) == seed != fresh_seed(Rng(2))


def test_bits_are_fair() -> None:
    bits = random_bits(Rng(0), 4000)
    assert 0.46 < float(bits.double().mean()) < 0.54


def test_prf_labels_depend_on_seed_and_image_and_are_fair() -> None:
    images = torch.randint(0, 256, (2000, 1, 4, 4), generator=Rng(0).torch(), dtype=torch.uint8)
    labels = prf_labels("aa", images, 10)
    assert torch.equal(labels, prf_labels("aa", images, 10))
    assert float((labels == prf_labels("bb", images, 10)).double().mean()) < 0.2
    assert stats.chisquare(torch.bincount(labels, minlength=10).numpy()).pvalue > 1e-3


def test_a_commitment_hides_and_binds() -> None:
    key = Key("s", "aa", {"n": 1}, {"x": torch.ones(2)})
    assert key.commitment() == Key.read(key.bundle()).commitment()
    for other in (
        Key("s", "ab", {"n": 1}, {"x": torch.ones(2)}),
        Key("s", "aa", {"n": 2}, {"x": torch.ones(2)}),
        Key("s", "aa", {"n": 1}, {"x": torch.zeros(2)}),
    ):
        assert other.commitment() != key.commitment()


def test_the_register_orders_by_logical_time() -> None:
    register = Register()
    register.enter("owner", "a" * 64, 1)
    register.enter("thief", "b" * 64, 0)
    register.enter("thief", "a" * 64, 11)
    first = register.earliest("a" * 64)
    assert first is not None
    assert (first.author, first.time) == ("owner", 1)
    assert register.earliest("c" * 64) is None


def test_the_register_notices_a_changed_line() -> None:
    register = Register()
    register.enter("owner", "a" * 64, 1)
    register.enter("thief", "b" * 64, 11)
    assert len(Register.read(register.plain()).entries) == 2
    lines = register.plain()
    lines[0]["time"] = 0
    with pytest.raises(RuleViolation, match="the register was changed before line 1"):
        Register.read(lines)


@pytest.mark.parametrize("commitment", ["", "a" * 63, "G" * 64])
def test_only_a_hash_is_entered(commitment: str) -> None:
    with pytest.raises(RuleViolation, match="expected a commitment of 64 hex digits"):
        Register().enter("thief", commitment, 1)
