"""Who cannot win: one rule for the report, the solved game and the league."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arena.runs.standings.fitness import Bar, unfitness
from tests.view.conftest import innocent, row

ROWS = [row("o", "t", 0.0, fidelity_loss=0.01), row("o", "u", 0.0, fidelity_loss=0.01)]
SPARED = [innocent("o", caught=False)]
ACCUSED = [innocent("o", caught=True)]
BAR = Bar(max_loss=0.02, level=0.01, owes=True)


def test_who_keeps_to_everything_may_win() -> None:
    assert unfitness(ROWS, SPARED, 0.0, BAR) == ""
    assert unfitness([], [], 0.0, BAR) == ""


def test_who_owes_a_verdict_under_each_of_its_keys_says_so() -> None:
    silent = "came to no verdict on an innocent"
    assert unfitness(ROWS, [], 0.0, BAR) == silent
    assert unfitness(ROWS, [], 0.0, replace(BAR, owes=False)) == ""
    again = [*ROWS, row("o", "t", 0.0, repeat=1, fidelity_loss=0.01)]
    assert unfitness(again, SPARED, 0.0, BAR) == silent
    broken = [*ROWS, row("o", "t", None, repeat=1)]
    assert unfitness(broken, SPARED, 0.0, BAR) == ""


def test_accusing_more_than_the_level_is_a_fault() -> None:
    assert unfitness(ROWS, ACCUSED, 0.01, BAR) == ""
    assert unfitness(ROWS, ACCUSED, 0.02, BAR) == "accuses 1 of 1 innocents"


@pytest.mark.parametrize(
    ("loss", "said"), [(0.02, ""), (0.021, "costs 0.021 of fidelity, above 0.02")]
)
def test_a_loss_of_more_than_is_allowed_is_a_fault(loss: float, said: str) -> None:
    rows = [row("o", "t", 0.0, fidelity_loss=loss)]
    assert unfitness(rows, SPARED, 0.0, BAR) == said


def test_a_repeat_counts_once_and_the_mean_or_the_worst_of_them() -> None:
    verdicts = [*SPARED, innocent("o", caught=False, repeat=1)]
    rows = [*ROWS, row("o", "t", 0.0, repeat=1, fidelity_loss=0.03)]
    assert unfitness(rows, verdicts, 0.0, BAR) == ""  # the mean over keys is 0.02, not above
    worst = replace(BAR, counts=max)
    assert unfitness(rows, verdicts, 0.0, worst) == "costs 0.030 of fidelity, above 0.02"


def test_all_faults_are_said_the_gravest_first() -> None:
    rows = [row("o", "t", 0.0, repeat=1, fidelity_loss=0.5)]
    assert unfitness(rows, ACCUSED, 0.5, BAR) == (
        "accuses 1 of 1 innocents and came to no verdict on an innocent and costs 0.500 of "
        "fidelity, above 0.02"
    )
