"""What confirms a claim, what refutes it, and what leaves it open."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from arena.view.reproduce.claims import judged, order_p_value
from arena.view.reproduce.differences import difference_interval, gap, separation
from arena.view.reproduce.samples import Measured
from arena.world.rng import Rng
from tests.view.reproduce.conftest import claim, experiment, findings, sample, series

LOW, HIGH = [0.0, 0.1, 0.2, 0.1, 0.0, 0.2], [0.8, 0.9, 0.7, 0.9, 0.8, 0.7]
RNG = Rng(0)
shares = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def outcome(test: str, found: Measured, **more: object) -> str:
    return judged(claim(test, **more), found, RNG).outcome


@pytest.mark.parametrize(
    ("copies", "innocents", "expected"),
    [
        (LOW, HIGH, "confirmed"),
        ([*LOW, 0.6], HIGH, "refuted"),  # a copy beyond tau
        (LOW, [*HIGH, 0.4], "refuted"),  # an innocent on the near side
        (LOW[:4], HIGH, "undecided"),  # too few to say always
        (LOW, HIGH[:4], "undecided"),
    ],
)
def test_separates(copies: list[float], innocents: list[float], expected: str) -> None:
    assert outcome("separates", findings(copies, innocents)) == expected


def test_what_separates_says_is_shares_with_exact_intervals() -> None:
    result = judged(claim("separates"), findings(LOW, [*HIGH, 0.4]), RNG)
    assert "6 of 6 (0.54 to 1.00) copies on the near side" in result.because
    assert "6 of 7 (0.42 to 1.00) innocents beyond" in result.because
    assert result.because.endswith("AUC 1.000")


def test_separates_looks_at_the_copies_of_its_series_alone() -> None:
    found = findings([*LOW, 0.9], HIGH, series=[series(6)])
    assert outcome("separates", found) == "refuted"
    assert outcome("separates", found, series=["more and more"]) == "confirmed"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.8, 0.801, 0.799, 0.8, 0.795, 0.809], "confirmed"),
        ([0.8, 0.8, 0.8, 0.8, 0.8, 0.82], "refuted"),
        ([0.8, 0.8, 0.8], "undecided"),  # two beside the first are too few
    ],
)
def test_same_is_within_a_hundredth_of_the_first(values: list[float], expected: str) -> None:
    found = findings(values, HIGH, series=[series(len(values))])
    assert outcome("same", found) == expected


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([(0.1, 0.8)] * 5, "confirmed"),
        ([(0.1, 0.8)] * 5 + [(0.8, 0.8)], "refuted"),
        ([(0.1, 0.8)] * 3, "undecided"),
        ([], "undecided"),
    ],
)
def test_below_compares_two_metrics_of_each_copy(
    pairs: list[tuple[float, float]], expected: str
) -> None:
    samples = [sample(f"c{i}", {"A": a, "B": b}) for i, (a, b) in enumerate(pairs)]
    assert outcome("below", Measured(experiment(metrics=("A", "B")), samples)) == expected


@pytest.mark.parametrize(
    ("copy", "innocent", "expected"),
    [
        ((0.1, 0.2, 0.9), (0.9, 0.9, 0.1), "confirmed"),
        ((0.1, 0.9, 0.9), (0.9, 0.9, 0.9), "refuted"),
        ((0.1, 0.1, 0.1), (0.1, 0.1, 0.9), "refuted"),
    ],
)
def test_voted_is_by_the_majority(
    copy: tuple[float, ...], innocent: tuple[float, ...], expected: str
) -> None:
    near, far = (dict(zip("ABC", values, strict=True)) for values in (copy, innocent))
    samples = [sample(f"c{i}", near) for i in range(5)]
    samples += [sample(f"n{i}", far, "Neg-1") for i in range(5)]
    assert outcome("voted", Measured(experiment(metrics=("A", "B", "C")), samples)) == expected


def test_half_of_the_votes_are_no_majority() -> None:
    half = [sample(f"c{i}", {"A": 0.1, "B": 0.9}) for i in range(5)]
    assert outcome("voted", Measured(experiment(metrics=("A", "B")), half)) == "refuted"


def test_order_needs_no_threshold() -> None:
    assert outcome("ordered", findings([0.6] * 5, [0.7] * 5)) == "confirmed"
    assert outcome("separates", findings([0.6] * 5, [0.7] * 5)) == "refuted"
    assert outcome("ordered", findings([0.6] * 4 + [0.7], [0.7] * 5)) == "refuted"


def test_in_metrics_where_copies_are_high_order_is_turned() -> None:
    assert outcome("ordered", findings(HIGH, LOW, "TSA", high=("TSA",))) == "confirmed"
    assert outcome("ordered", findings(HIGH, LOW, "TSA")) == "refuted"


@given(shares, shares)
def test_area_is_that_of_the_rank_sum_test(copies: list[float], innocents: list[float]) -> None:
    expected = stats.mannwhitneyu(innocents, copies).statistic / (len(copies) * len(innocents))
    assert separation(copies, innocents) == pytest.approx(expected)
    assert separation(copies, innocents) == pytest.approx(1 - separation(innocents, copies))


def two(
    first: tuple[list[float], list[float]], second: tuple[list[float], list[float]]
) -> Measured:
    samples = []
    for side, kind in ((0, "copy"), (1, "Neg-1")):
        pairs = zip(first[side], second[side], strict=True)
        samples += [
            sample(f"{kind} {i}", {"A": a, "B": b}, kind=kind) for i, (a, b) in enumerate(pairs)
        ]
    return Measured(experiment(metrics=("A", "B")), samples)


def test_wider_is_decided_by_an_interval_of_the_difference() -> None:
    wide, narrow = (LOW, HIGH), ([0.4] * 6, [0.6] * 6)
    assert outcome("wider", two(wide, narrow)) == "confirmed"
    assert outcome("wider", two(narrow, wide)) == "refuted"
    assert outcome("wider", two(wide, wide)) == "undecided"


@pytest.mark.slow
def test_no_worse_allows_equals_and_refuses_less() -> None:
    good, blind, many = (LOW, HIGH), (HIGH, HIGH), (LOW * 100, HIGH * 100)
    assert outcome("no-worse", two(many, many)) == "confirmed"
    assert outcome("no-worse", two(good, good)) == "undecided"  # areas of 1, but of few models
    assert outcome("no-worse", two(blind, good)) == "refuted"


def test_comparisons_without_innocents_stay_open() -> None:
    assert outcome("wider", findings(LOW, [])) == "undecided"


def test_bootstrap_interval_holds_the_difference_of_the_means() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (4, 40))
    first = (list(0.2 + noise[0]), list(0.8 + noise[1]))
    second = (list(0.3 + noise[2]), list(0.7 + noise[3]))
    more, low, high = difference_interval(gap, first, second, RNG)
    error = 0.1 * np.sqrt(4 / 40)  # of a difference of four means
    assert low < more < high
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.25)


@pytest.mark.parametrize(
    ("values", "test", "expected"),
    [
        ([0.9, 0.7, 0.5, 0.3, 0.1], "falls", "confirmed"),
        ([0.1, 0.3, 0.5, 0.7, 0.9], "falls", "refuted"),
        ([0.1, 0.3, 0.5, 0.7, 0.9], "rises", "confirmed"),
        ([0.3, 0.5, 0.1, 0.9, 0.7], "falls", "undecided"),
        ([0.5, 0.5, 0.5, 0.5, 0.5], "rises", "undecided"),
        ([0.9, 0.5, 0.1], "falls", "undecided"),  # three cannot be significant: p = 1/6
    ],
)
def test_trends(values: list[float], test: str, expected: str) -> None:
    found = findings(values, HIGH, figure="curves", series=[series(len(values))])
    assert outcome(test, found) == expected


def test_a_series_on_two_axes_is_tested_once() -> None:
    members = {"members": ["c0", "c1", "c2", "c3", "c4"]}
    both = [series(5), series(5, axis="queries", degrees=[10, 20, 30, 40, 50])]
    result = judged(claim("falls"), findings([5, 4, 3, 2, 1], [], series=both), RNG)
    assert result.because.count("tau") == 1, members


@given(st.lists(st.integers(0, 4), min_size=2, max_size=5))
def test_order_p_value_counts_the_orders_that_are_as_extreme(values: list[int]) -> None:
    degrees = list(range(len(values)))
    tau, p = order_p_value(degrees, values)
    if len(set(values)) < 2:
        assert (tau, p) == (0.0, 1.0)
        return
    taus = [stats.kendalltau(degrees, order).statistic for order in permutations(values)]
    assert p == pytest.approx(np.mean(np.asarray(taus) >= tau - 1e-12))


def test_lost_is_refuted_by_one_copy_that_is_still_caught() -> None:
    assert outcome("lost", findings([0.9] * 6, [])) == "confirmed"
    assert outcome("lost", findings([0.9] * 5 + [0.1], [])) == "refuted"


def adaptive(*votes: tuple[float, float]) -> Measured:
    samples = [sample(f"c{i}", {"A": a, "B": b}) for i, (a, b) in enumerate(votes)]
    return Measured(experiment(metrics=("A", "B")), samples)


def test_evading_some_is_refuted_by_one_that_evades_all() -> None:
    assert outcome("evades-some", adaptive(*[(0.1, 0.9)] * 4, (0.1, 0.2))) == "confirmed"
    assert outcome("evades-some", adaptive(*[(0.1, 0.9)] * 5, (0.8, 0.9))) == "refuted"
    assert outcome("evades-some", adaptive(*[(0.1, 0.2)] * 6)) == "refuted"  # nobody evades


def judges(*gaps: float) -> Measured:
    samples = []
    for i, wide in enumerate(gaps):
        owner = f"judge-{i}"
        samples += [sample(f"c{j}", {"A": 0.9 - wide + j / 100}, owner=owner) for j in range(4)]
        samples += [sample(f"n{j}", {"A": 0.9}, kind="Neg-1", owner=owner) for j in range(4)]
    return Measured(experiment("gaps", ("A",)), samples)


def test_differs_tells_judges_with_other_gaps_from_equal_ones() -> None:
    result = judged(claim("differs"), judges(0.1, 0.5, 0.8), RNG)
    assert result.outcome == "confirmed"
    assert "widest judge-2 (0.785), narrowest judge-0 (0.085)" in result.because
    assert outcome("differs", judges(0.5, 0.5, 0.5)) == "undecided"
    assert outcome("differs", judges(0.1, 0.8)) == "undecided"  # two judges are too few


def test_depth_is_judged_by_the_share_of_the_innocents_distance() -> None:
    order = series(5, members=[f"judge-{i}" for i in range(5)])
    found = judges(0.8, 0.6, 0.4, 0.2, 0.1)
    deeper = Measured(found.experiment.model_copy(update={"series": (order,)}), found.samples)
    assert outcome("rises", deeper) == "confirmed"
    assert outcome("falls", deeper) == "refuted"


@pytest.mark.parametrize("test", ["voted", "evades-some"])
def test_a_match_that_failed_speaks_neither_for_nor_against(test: str) -> None:
    copies = adaptive(*[(0.1, 0.2 if test == "voted" else 0.9)] * 5).samples
    innocents = [sample(f"n{i}", {"A": 0.9, "B": 0.9}, "Neg-1") for i in range(5)]
    failed = sample("broken", {}, note="it broke")
    found = Measured(experiment(metrics=("A", "B")), [*copies, failed, *innocents])
    assert outcome(test, found) == "confirmed"
