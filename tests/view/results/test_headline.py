"""Who won, what decided it, what is not significant."""

from __future__ import annotations

from dataclasses import replace

from arena.game.match.play import Pools
from arena.view.results.headline import headline
from arena.view.results.report import with_max_loss
from arena.view.results.tables import leaderboard_table
from tests.view.conftest import innocent, made_report, row
from tests.view.results.test_tables import shown

ROUNDS = [
    *(row("fair", thief, taken, fidelity_loss=0.0) for thief, taken in (("ft", 0.0), ("cut", 0.5))),
    *(row("accuser", thief, 0.0, fidelity_loss=0.0) for thief in ("ft", "cut")),
    *(row("spoiler", thief, 0.0, fidelity_loss=0.3) for thief in ("ft", "cut")),
]
INNOCENTS = [innocent("accuser", caught=True) for _ in range(20)] + [
    innocent("fair", caught=i == 0) for i in range(20)
]


def test_whoever_accuses_everybody_or_spoils_its_model_does_not_win() -> None:
    report = made_report(ROUNDS, INNOCENTS)
    assert report.faults == {
        "accuser": "accuses 20 of 20 innocents",
        "spoiler": "costs 0.300 of fidelity, above 0.05",
    }
    assert report.standings["owner"][0].name == "fair"
    said = headline(report)
    assert said[0] == "Best owner: fair, which keeps 0.50 in its worst case."
    assert said[1] == "What decided it: cut, which takes 0.50 from fair."
    assert said[2].startswith("Not significant: any difference")
    assert "accuser accuses 20 of 20 innocents; spoiler costs 0.300" in said[3]


def test_who_came_to_no_verdict_on_an_innocent_does_not_win() -> None:
    report = made_report(ROUNDS, INNOCENTS)
    shown = {**report.facts["scenario"], "innocents": {"reporting_same": 20}}
    silent = replace(report, facts={**report.facts, "scenario": shown})
    assert silent.faults["spoiler"].startswith("came to no verdict on an innocent and costs 0.300")
    assert "fair" not in silent.faults
    none = {name: 0 for name in Pools().plain() if name.startswith("reporting_")}
    alone = {**report.facts["scenario"], "innocents": none}
    assert "verdict" not in replace(report, facts={"scenario": alone}).faults["spoiler"]
    again = [*ROUNDS, *(replace(found, repeat=1) for found in ROUNDS[:2])]
    assert "verdict" in replace(silent, rounds=again).faults["fair"]
    waiting = replace(silent, rounds=ROUNDS[:5])
    assert "spoiler" in waiting.faults
    assert "verdict" not in waiting.faults["spoiler"]


def test_of_one_owner_none_is_the_best_and_nothing_is_compared() -> None:
    report = made_report(ROUNDS[:2], INNOCENTS[20:])
    assert headline(report) == [
        "fair keeps 0.50 in its worst case.",
        "What decided it: cut, which takes 0.50 from fair.",
    ]


def test_how_much_an_owner_may_cost_can_be_chosen() -> None:
    report = with_max_loss(made_report(ROUNDS, INNOCENTS), 0.3)
    assert list(report.faults) == ["accuser"]
    said = headline(report)
    assert said[:2] == [
        "Best owner: spoiler, which keeps 1.00 in its worst case.",
        "No thief took anything from spoiler.",
    ]


def test_where_nobody_is_without_a_fault_nobody_won() -> None:
    report = made_report(ROUNDS[2:4], INNOCENTS)
    assert headline(report)[0].startswith("Nobody won")
    assert headline(made_report([row("fair", "ft", None)])) == []


def test_repeats_show_what_is_luck_and_give_intervals() -> None:
    taken = {"calm": (0.1, 0.1, 0.1), "wild": (0.0, 1.0, 0.0), "weak": (0.9, 0.9, 0.9)}
    rounds = [
        row(owner, "ft", x, repeat=i, fidelity_loss=0.0)
        for owner, values in taken.items()
        for i, x in enumerate(values)
    ]
    report = made_report(rounds, repeats=3)
    assert "calm before wild;" in headline(report)[2]
    lines = shown(leaderboard_table("owner", report.standings["owner"]))
    assert "0.00 to 1.00" in lines
    assert "0.90 to 0.90" not in lines  # what does not vary has none
