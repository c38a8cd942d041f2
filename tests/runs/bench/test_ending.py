"""How a bench ends, by what its matches and its verdicts on innocents say."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from arena.runs.bench.attempts import Attempt
from arena.runs.bench.bench import ending, needs_of, verify_cost
from arena.runs.bench.crossing import Crossing
from arena.runs.bench.flags import Findings
from arena.runs.bench.plan import Plan
from arena.runs.bench.scores import false_positives
from arena.runs.bench.subject import subject_by_name
from arena.runs.bench.suite import SuiteTask, read_suite
from tests.runs.bench.synthetic import GOOD, attempt, attempts, innocents


def found(tries: Sequence[Attempt], caught: int = 0) -> Findings:
    rows = innocents(caught)
    return Findings(tries, rows, rows, false_positives(rows), level=0.01, gain=0.5)


def test_a_bench_of_matches_that_were_judged_ends_well() -> None:
    assert ending(found([*attempts(**GOOD), attempt(status="ERROR")])) == ("OK", "")


@pytest.mark.parametrize(
    ("status", "ended"), [("TIMEOUT", "TIMEOUT"), ("MEMORY", "MEMORY"), ("ERROR", "ERROR")]
)
def test_a_bench_of_which_every_match_broke_says_how(status: str, ended: str) -> None:
    assert ending(found([attempt(status=status, message="so long")])) == (ended, "so long")


def test_a_bench_in_which_nobody_could_play_says_so() -> None:
    assert ending(found([attempt(status="SKIPPED")]))[0] == "SKIPPED"


def test_whoever_accuses_more_than_half_of_the_innocents_has_no_headline() -> None:
    assert ending(found(attempts(**GOOD), caught=5))[0] == "OK"
    status, reason = ending(found(attempts(**GOOD), caught=6))
    assert status == "ACCUSES"
    assert "18 of 30 innocents" in reason


def test_without_a_verdict_on_an_innocent_there_is_no_headline() -> None:
    nobody = Findings(attempts(**GOOD), (), (), false_positives(()), level=0.01, gain=0.5)
    status, reason = ending(nobody)
    assert status == "ERROR"
    assert "no verdict on an innocent" in reason


def test_what_verifying_costs_is_told_by_the_owners_own_victims() -> None:
    own = Crossing(own=True, accused=True, p_value=0.0, queries=100, seconds=1.0)
    others = own.model_copy(update={"own": False, "queries": 7, "seconds": 9.0})
    cost = verify_cost([own, own.model_copy(update={"seconds": 3.0}), others])
    assert cost is not None
    assert (cost.queries, cost.seconds) == (100, 2.0)
    assert verify_cost([others]) is None


def test_what_a_scheme_needs_is_said_in_words() -> None:
    assert needs_of(subject_by_name("uchida").defense)[0] == "a suspect's weights"
    assert "a log of its interface" in needs_of(subject_by_name("dawn").defense)


def test_what_an_architecture_lacks_nobody_attacks() -> None:
    suite = read_suite("standard-1")
    plain = SuiteTask(model="cnn8", arguments={"norm": "none"}, surrogate="cnn8", pool="shapes")
    without = suite.model_copy(update={"task": {"digits": plain}})
    plans = [Plan(one, subject_by_name("uchida"), "digits") for one in (suite, without)]
    whole, rest = ({thief.name for thief in plan.thieves()} for plan in plans)
    assert whole - rest == {"forge-passport"}
