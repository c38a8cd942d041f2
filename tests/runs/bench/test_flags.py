"""Each flag is raised by a scheme that is bad in this one way, and by no good one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from arena.runs.bench.crossing import Crossing
from arena.runs.bench.flags import Findings, accuses_everybody, flags
from arena.runs.bench.scores import false_positives
from arena.runs.bench.search import choose
from tests.runs.bench.synthetic import GOOD, STOLEN, SUITE, attempt, attempts, innocents


def crossing(*, own: bool, accused: bool) -> Crossing:
    return Crossing(own=own, accused=accused, p_value=0.5, queries=10, seconds=0.1)


def findings(caught: int = 0, **figures: float) -> Findings:
    """Return what is measured of a good scheme, but for figures of its innocents."""
    rows = innocents(caught, **figures)
    held = (crossing(own=True, accused=True), crossing(own=False, accused=False))
    milder, harsher = attempt(strength=0.1, **GOOD), attempt(seed=1, strength=0.9, **STOLEN)
    return Findings(
        attempts=attempts(**GOOD),
        innocents=rows,
        calibration=rows,
        false_positives=false_positives(rows),
        level=0.01,
        gain=0.5,
        searched=choose([milder, harsher], SUITE),
        crossings=held,
    )


def names(found: Findings) -> list[str]:
    return [flag.name for flag in flags(found)]


def test_a_good_scheme_raises_no_flag() -> None:
    assert names(findings()) == []


def test_attacks_that_had_nothing_to_steal_are_told() -> None:
    void = attempts(thief="idle", **{**STOLEN, "payoff": None})
    assert names(replace(findings(), attempts=[*attempts(**GOOD), *void])) == ["nothing-to-steal"]


def test_a_scheme_of_which_one_thief_alone_is_caught_does_not_ignore_suspects() -> None:
    evaded = attempts(thief="strong", **STOLEN)
    assert names(replace(findings(), attempts=[*attempts(**GOOD), *evaded])) == []


def test_a_verdict_that_says_the_same_of_everybody_ignores_the_suspect() -> None:
    same = replace(findings(p_value=0.5), attempts=attempts(**{**GOOD, "p_value": 0.5}))
    assert names(same) == ["ignores-suspect"]


@pytest.mark.parametrize("seed", range(5))
def test_a_verdict_that_is_drawn_at_random_ignores_the_suspect(seed: int) -> None:
    draw = np.random.default_rng(seed)
    random = [
        attempt(victim, i, statistic=float(i), p_value=float(draw.uniform()), caught=False)
        for victim in range(5)
        for i in range(8)
    ]
    assert "ignores-suspect" in names(replace(findings(), attempts=random))


def test_what_broke_is_no_secret() -> None:
    broken = [*attempts(**GOOD), attempt(4, 0, status="ERROR")]
    assert names(replace(findings(), attempts=broken)) == ["unfinished"]


def test_a_mark_that_ruins_its_model_is_flagged() -> None:
    assert names(replace(findings(), attempts=attempts(**GOOD, fidelity_loss=0.04))) == []
    ruined = attempts(**GOOD, fidelity_loss=0.4)
    assert names(replace(findings(), attempts=ruined)) == ["costs-fidelity"]


def test_an_owner_that_accuses_more_than_its_level_allows_is_flagged() -> None:
    assert names(findings(caught=4)) == ["accuses-innocents"]
    assert not accuses_everybody(findings(caught=4).false_positives)
    assert accuses_everybody(findings(caught=6).false_positives)


def test_a_statistic_that_never_changes_is_flagged() -> None:
    constant = replace(findings(statistic=0.3), attempts=attempts(statistic=0.3, **GOOD))
    assert names(constant) == ["constant-statistic"]


def test_a_mark_that_bears_more_and_not_less_is_flagged() -> None:
    milder, harsher = attempt(strength=0.1, **STOLEN), attempt(seed=1, strength=0.9, **GOOD)
    searched = choose([milder, harsher], SUITE)
    assert names(replace(findings(), searched=searched)) == ["stronger-when-milder"]


def test_whoever_extracts_more_copies_more_and_may_be_caught_for_it() -> None:
    milder = attempt(strength=0.1, family="extract", **STOLEN)
    harsher = attempt(seed=1, strength=0.9, family="extract", **GOOD)
    assert names(replace(findings(), searched=choose([milder, harsher], SUITE))) == []


def test_a_key_that_verifies_other_owners_victims_is_no_secret() -> None:
    held = [crossing(own=False, accused=True)] * 3 + [crossing(own=False, accused=False)]
    assert names(replace(findings(), crossings=held)) == ["recoverable-key"]


def test_strengths_that_could_not_be_tried_are_no_secret() -> None:
    broken = [attempt(strength=0.1, **GOOD), attempt(strength=0.9, status="TIMEOUT")]
    found = replace(findings(), tries=broken, searched=choose(broken, SUITE))
    assert names(found) == ["untried-strengths"]
