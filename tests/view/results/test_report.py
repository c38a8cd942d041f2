"""What follows from the rows of a ledger."""

from __future__ import annotations

import math
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import StoreError
from arena.game.court.statistics import proportion_interval
from arena.view.results.report import Report, known, mean, read_report, results_in
from tests.view.conftest import Command, innocent, made_report, row


def test_the_last_round_of_a_match_scores() -> None:
    report = made_report([row("o", "t", 0.9), row("o", "t", 0.2, round=1)])
    assert report.payoffs.values.tolist() == [[0.2]]
    assert [found.round for found in report.finals] == [1]


def test_a_match_whose_last_round_failed_has_no_score() -> None:
    report = made_report([row("o", "t", 0.9), row("o", "t", None, round=1, status="TIMEOUT")])
    assert math.isnan(report.payoffs.values[0, 0])
    assert report.payoffs.words == (("TIMEOUT",),)
    assert report.standings == {"owner": [], "thief": []}


def test_cells_are_means_over_repeats_and_say_what_they_lack() -> None:
    rounds = [
        row("a", "t", 0.25, repeat=0),
        row("a", "t", 0.75, repeat=1),
        row("b", "t", 0.5, repeat=0),
        row("b", "t", None, repeat=1),
        row("a", "u", None, repeat=0, status="LIMIT"),
        row("a", "u", None, repeat=1, status="LIMIT"),
        row("a", "v", 0.0),
    ]
    table = made_report(rounds, repeats=2, against="a").payoffs
    assert (table.owners, table.thieves) == (("a", "b"), ("t", "u", "v"))
    assert table.words == (("0.50", "LIMIT", "0.00"), ("0.50*", "·", "-"))
    np.testing.assert_array_equal(table.values, [[0.5, np.nan, 0.0], [0.5, np.nan, np.nan]])


def test_statistics_and_accuracies_are_means_over_what_was_delivered() -> None:
    rounds = [
        row("a", "t", rescaled=0.5, utility=0.75, repeat=0),
        row("a", "t", rescaled=1.0, utility=0.25, repeat=1),
        row("b", "t", rescaled=0.75, utility=1.0, repeat=0),
        row("b", "t", None, repeat=1),
        row("a", "u", winner="claimant"),
        row("b", "u", None),
    ]
    report = made_report(rounds, repeats=2)
    assert report.rescaled.words == (("0.75", "claim"), ("0.75*", "ERROR"))
    assert report.utilities.words == (("0.50", "claim"), ("1.00*", "ERROR"))
    np.testing.assert_array_equal(report.rescaled.values, [[0.75, np.nan], [0.75, np.nan]])
    np.testing.assert_array_equal(report.utilities.values, [[0.5, np.nan], [1.0, np.nan]])


def test_the_number_of_matches_counts_repeats_and_leaves_out_what_is_not_meant() -> None:
    rounds = [row("a", "t"), row("b", "t"), row("a", "v")]
    assert made_report(rounds, repeats=3).n_matches == 12
    assert made_report(rounds, repeats=3, against="a").n_matches == 9


def test_owners_and_thieves_keep_the_order_of_the_scenario() -> None:
    report = made_report([row("z", "y"), row("a", "y"), row("z", "b")])
    assert report.owners == ("z", "a")
    assert report.thieves == ("y", "b")


def test_the_leaderboard_ranks_the_worst_case_first() -> None:
    rounds = [row("a", "t", 0.5), row("a", "u", 0.5), row("b", "t", 0.0), row("b", "u", 1.0)]
    board = made_report(rounds).standings
    assert [line.name for line in board["owner"]] == ["a", "b"]
    assert [line.worst for line in board["owner"]] == [0.5, 0.0]
    assert [line.worst for line in board["thief"]] == [0.5, 0.0]


def test_false_alarms_are_counted_for_each_owner_with_an_interval_over_models() -> None:
    innocents = [innocent("a", caught=i < 3, number=i) for i in range(20)]
    innocents += [innocent("b", caught=False)]
    found = made_report([row("a", "t"), row("b", "t")], innocents).honesty
    by = {owner.owner: owner for owner in found}
    assert (by["a"].n_accused, by["a"].n_innocents) == (3, 20)
    assert (by["a"].low, by["a"].high) == proportion_interval(3, 20)
    assert (by["b"].n_accused, by["b"].n_innocents) == (0, 1)


def test_same_and_odd_innocents_are_counted_apart() -> None:
    innocents = [innocent("a", caught=False, number=i) for i in range(4)]
    innocents += [innocent("a", caught=True, number=4, kind="SGD")]
    (owner,) = made_report([row("a", "t")], innocents).honesty
    assert (owner.same.n_accused, owner.same.n_innocents) == (0, 4)
    assert (owner.odd.n_accused, owner.odd.n_innocents) == (1, 1)


@pytest.mark.parametrize("to_steal", [True, False])
def test_an_owner_that_accuses_everybody_comes_last_and_is_marked(to_steal: bool) -> None:
    innocents = [innocent("all", caught=True, number=i) for i in range(8)]
    innocents += [innocent("fair", caught=False, number=i) for i in range(8)]
    rounds = [row("all", "t", 0.0), row("fair", "t", 0.5)]
    if not to_steal:
        rounds = [replace(found, pays=False, payoff=None, owner_payoff=None) for found in rounds]
    report = made_report(rounds, innocents)
    ranked = ["fair", "all"] if to_steal else []
    assert [line.name for line in report.standings["owner"]] == ranked
    assert [(owner.owner, owner.accuses) for owner in report.honesty] == [
        ("fair", False),
        ("all", True),
    ]


def test_a_match_with_nothing_to_steal_counts_for_nobody() -> None:
    rounds = [row("a", "t", 0.5), row("a", "u", 0.5, pays=False)]
    rounds[1] = replace(rounds[1], payoff=None, owner_payoff=None)
    report = made_report(rounds)
    assert [line.name for line in report.standings["thief"]] == ["t"]
    assert report.payoffs.words == (("0.50", "void"),)


def test_copies_above_innocents_are_counted_where_there_are_innocents() -> None:
    innocents = [innocent("a", caught=False, number=i, rescaled=0.3) for i in range(5)]
    rounds = [row("a", name, kept=1.0, rescaled=x) for name, x in (("t", 0.4), ("u", 0.2))]
    (owner,) = made_report(rounds, innocents).honesty
    assert (owner.found.n_accused, owner.found.n_innocents) == (1, 2)
    (unseen,) = made_report(rounds).honesty
    assert (unseen.found.n_accused, unseen.found.n_innocents) == (0, 0)


def test_costs_are_means_over_protections_not_over_rounds() -> None:
    rounds = [
        row("a", "t", fidelity_loss=0.0, protect_s=1.0, judge_s=1.0),
        row("a", "u", fidelity_loss=0.0, protect_s=1.0, judge_s=3.0),
        row("a", "t", repeat=1, fidelity_loss=0.1, protect_s=3.0, judge_s=5.0),
    ]
    (owner,) = made_report(rounds, repeats=2).honesty
    assert owner.fidelity_loss == pytest.approx(0.05)
    assert owner.protect_s == pytest.approx(2.0)
    assert owner.judge_s == pytest.approx(3.0)


def test_an_owner_of_whom_nothing_is_known_has_no_figures() -> None:
    (owner,) = made_report([row("a", "t", None)]).honesty
    assert (owner.fidelity_loss, owner.protect_s, owner.judge_s) == (None, None, None)
    assert (owner.n_innocents, owner.low, owner.high) == (0, 0.0, 1.0)


@given(st.lists(st.none() | st.floats(-1e6, 1e6), max_size=8))
def test_a_mean_lies_between_what_is_known(values: list[float | None]) -> None:
    found = [value for value in values if value is not None]
    if not found:
        assert math.isnan(mean(values))
        assert known(mean(values)) is None
    else:
        assert min(found) - 1e-6 <= mean(values) <= max(found) + 1e-6


def test_a_played_tournament_is_read_back(report: Report) -> None:
    assert report.name == "small"
    assert report.owners == ("none", "bits+32")
    assert report.thieves == ("none", "tune", "poor")
    assert report.n_matches == len(report.finals) == 5
    assert [len(rows) for rows in report.matches.values()] == [1, 2, 1, 2, 1]
    assert report.payoffs.words[1][2] == "LIMIT"
    assert report.payoffs.words[0][2] == "-"
    assert [owner.n_innocents for owner in report.honesty] == [2, 2]


def test_rows_of_players_that_left_are_not_shown(report: Report) -> None:
    facts = dict(report.facts)
    facts["scenario"] = {**facts["scenario"], "owner": facts["scenario"]["owner"][:1]}

    class Kept:
        def facts(self) -> dict[str, object]:
            return facts

        def rounds(self) -> list[object]:
            return [found for found in report.rounds if found.owner == "none"]

        def innocents(self) -> list[object]:
            return [*report.innocents, replace(report.innocents[0], repeat=5)]

    found = read_report(Kept())  # type: ignore[arg-type]
    assert {(kept.owner, kept.repeat) for kept in found.innocents} == {("none", 0)}


STRANGE = {
    "UPDATE rounds SET owner = 'stranger'": "the owner 'stranger'",
    "UPDATE rounds SET thief = ''": "the thief ''",
    "UPDATE rounds SET repeat = 7": "repeat 7 of",
    "UPDATE rounds SET payoff = NULL, pays = NULL": "no pay-off of",
}


@pytest.mark.parametrize("sql", STRANGE)
def test_rounds_of_another_scenario_are_one_sentence(
    arena: Command, played: Path, tmp_path: Path, sql: str
) -> None:
    shutil.copy(played / "ledger.sqlite", tmp_path / "ledger.sqlite")
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as other:
        other.execute(sql)
        other.commit()
    for command in ("show", "page"):
        done = arena(command, tmp_path)
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
        assert f"{tmp_path / 'ledger.sqlite'}, found {STRANGE[sql]}" in done.err
        assert "restore it from a copy" in done.err


@pytest.mark.parametrize("content", [None, b"", b"not a data base at all"])
def test_a_folder_without_results_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "ledger.sqlite").write_bytes(content)
    with pytest.raises(StoreError, match="expected"):
        results_in(tmp_path)


def test_a_mistyped_folder_is_suggested(played: Path) -> None:
    with pytest.raises(StoreError, match="did you mean 'small'"):
        results_in(played.parent / "smal")


def test_a_folder_is_not_suggested_in_its_own_place(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "ledger.sqlite").touch()
    with pytest.raises(StoreError, match=r"found no ledger in .*mine; `arena run`"):
        results_in(tmp_path / "mine")
