"""Votes, combined p-values, the evidence, and the numbers of the radar chart."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from defenders.deepjudge.calibration import Calibration
from defenders.deepjudge.judge import (
    Comparison,
    JointEvidence,
    Needed,
    Radar,
    combined_p_value,
    judge,
    n_needed,
)
from defenders.deepjudge.scheme.metrics import BLACKBOX, METRICS

NULLS = (0.80, 0.85, 0.90, 0.95, 0.82, 0.88)
ALPHA = {metric: 0.9 if metric in BLACKBOX else 0.6 for metric in METRICS}
CALIBRATED = {metric: Calibration(metric, NULLS, ALPHA[metric], 100) for metric in METRICS}
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=6)
similarities = st.lists(st.floats(0, 1), min_size=1, max_size=6)
values = st.dictionaries(st.sampled_from(METRICS), st.floats(0, 1.2), min_size=1)


def evidence(found: Mapping[str, float], needed: Needed = "majority") -> JointEvidence:
    return judge(found, CALIBRATED, {}, needed)


@given(p_values, st.sampled_from(["any", "majority"]))
def test_a_combined_p_value_is_a_p_value(found: list[float], needed: Needed) -> None:
    p = combined_p_value(found, needed)
    assert min(found) <= p <= 1
    assert p == combined_p_value(found[::-1], needed)


@pytest.mark.parametrize("needed", ["any", "majority"])
@pytest.mark.parametrize("shared", [0.0, 0.9, 1.0])
def test_the_combination_holds_its_level_however_metrics_depend(
    needed: Needed, shared: float
) -> None:
    """Uniform p-values that share nothing, much or all: at most 5 % are called at 5 %."""
    draws = np.random.default_rng(0)
    common, own = draws.standard_normal((4000, 1)), draws.standard_normal((4000, 6))
    rows = 0.5 * (
        1
        + np.vectorize(math.erf)(
            (math.sqrt(shared) * common + math.sqrt(1 - shared) * own) / math.sqrt(2)
        )
    )
    called = np.mean([combined_p_value(list(row), needed) <= 0.05 for row in rows])
    assert called <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 4000)


@pytest.mark.parametrize(("k", "r"), [(1, 1), (2, 2), (3, 2), (4, 3), (6, 4)])
def test_a_strict_majority_is_needed(k: int, r: int) -> None:
    assert n_needed(k, "majority") == r
    assert n_needed(k, "any") == 1


def test_nothing_measured_proves_nothing() -> None:
    none = judge({}, CALIBRATED, {})
    assert (none.p_value, none.p_copy, none.n_votes, none.similarity(0.01)) == (1.0, 0.0, 0, 0.0)
    assert set(none.notes) == set(METRICS)
    assert (none.radar.area, none.radar.mean) == (0.0, 0.0)


def test_the_victim_itself_gets_every_vote() -> None:
    found = evidence(dict.fromkeys(METRICS, 0.0))
    assert found.p_copy == 1
    assert found.p_value <= 0.01
    assert found.radar.similarities == (1.0,) * 6
    assert all(line.margin == 1 for line in found.lines)


def test_the_victim_gets_every_vote_of_innocents_that_vary_too_much_for_a_bound() -> None:
    wild = {metric: Calibration(metric, (0.01, 0.9), 0.9, 100) for metric in METRICS}
    found = judge(dict.fromkeys(METRICS, 0.0), wild, {})
    assert all(line.calibration.bound < 0 for line in found.lines)
    assert found.p_copy == 1
    assert found.radar.mean == 1
    assert judge(dict.fromkeys(METRICS, 0.1), wild, {}).p_copy == 0


def test_an_innocent_gets_no_vote() -> None:
    found = evidence(dict.fromkeys(METRICS, 0.87))
    assert found.p_copy == 0
    assert found.p_value > 0.1
    assert found.radar.mean < 0.05


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_votes_at_tau_and_not_above(metric: str) -> None:
    tau = CALIBRATED[metric].tau
    at, above = (Comparison(tau + extra, CALIBRATED[metric]) for extra in (0, 1e-9))
    assert (at.vote, above.vote) == (True, False)
    assert at.margin == 0
    assert at.similarity == pytest.approx(1 - ALPHA[metric])


def test_half_of_the_votes_is_no_majority() -> None:
    half = evidence({"RobD": 0.0, "JSD": 0.9})
    assert half.p_copy == 0.5
    assert half.p_value > 0.01  # of two, both must speak
    assert evidence({"RobD": 0.0, "JSD": 0.9}, "any").p_value <= 0.01


@given(values)
def test_metrics_that_were_not_measured_have_no_vote(found: dict[str, float]) -> None:
    told = evidence(found)
    assert [line.metric for line in told.lines] == [m for m in METRICS if m in found]
    assert set(told.notes) == set(METRICS) - set(found)
    votes = [found[line.metric] <= CALIBRATED[line.metric].tau for line in told.lines]
    assert told.p_copy == sum(votes) / len(votes)


@pytest.mark.parametrize(
    ("value", "calibrated", "note"),
    [
        (math.nan, CALIBRATED["JSD"], "not finite"),
        (math.inf, CALIBRATED["JSD"], "not finite"),
        (0.1, None, "too few innocents"),
        (0.1, Calibration("JSD", (0.5,), 0.9, 100), "too few innocents"),
        (0.1, Calibration("JSD", (0.5, 0.5, 0.5), 0.9, 100), "all at one distance"),
    ],
)
def test_what_cannot_be_judged_is_said(
    value: float, calibrated: Calibration | None, note: str
) -> None:
    shown = {} if calibrated is None else {"JSD": calibrated}
    told = judge({"JSD": value}, shown, {"NOD": "closed"})
    assert not told.lines
    assert note in told.notes["JSD"]
    assert told.notes["NOD"] == "closed"


@given(values, st.sampled_from(["any", "majority"]), st.sampled_from([0.001, 0.01, 0.05]))
def test_similarity_reaches_one_half_where_the_p_value_reaches_the_level(
    found: dict[str, float], needed: Needed, level: float
) -> None:
    told = evidence(found, needed)
    assume(abs(told.p_value / level - 1) > 1e-6)
    assert (told.similarity(level) >= 0.5) is (told.p_value <= level)


@given(similarities)
def test_the_area_is_that_of_the_polygon(found: list[float]) -> None:
    """Oracle: the shoelace formula on the corners."""
    k = len(found)
    radar = Radar(METRICS[:k], tuple(found))
    angles = 2 * np.pi * np.arange(k) / k
    x, y = np.array(found) * np.cos(angles), np.array(found) * np.sin(angles)
    shoelace = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    assert radar.area == pytest.approx(float(shoelace) if k > 2 else 0.0, abs=1e-12)
    assert 0 <= radar.area <= math.pi


@given(similarities)
def test_the_mean_is_free_of_the_order(found: list[float]) -> None:
    radar, backwards = (Radar(METRICS[: len(s)], tuple(s)) for s in (found, sorted(found)))
    assert radar.mean == pytest.approx(backwards.mean)
    assert 0 <= radar.mean <= 1


def test_the_area_is_not_free_of_the_order() -> None:
    apart, together = ((1.0, 0.0, 1.0, 0.0), (1.0, 1.0, 0.0, 0.0))
    assert Radar(METRICS[:4], apart).area == 0 < Radar(METRICS[:4], together).area


@given(values)
def test_the_record_holds_every_value_tau_margin_and_vote(found: dict[str, float]) -> None:
    told = json.loads(json.dumps(evidence(found).report().plain(), allow_nan=False))
    for line in told["lines"]:
        tau = CALIBRATED[line["metric"]].tau
        assert line["value"] == found[line["metric"]]
        assert line["tau"] == tau
        assert line["margin"] == pytest.approx((tau - line["value"]) / tau)
        assert line["vote"] is (line["value"] <= tau)
        assert line["n_innocents"] == len(NULLS)
        assert 0 <= line["p_value"] <= 1
        assert line["rank_p_value"] >= 1 / 7
    assert set(told["not_applicable"]) == set(METRICS) - set(found)
    assert set(told["radar"]["similarities"]) == set(found)
