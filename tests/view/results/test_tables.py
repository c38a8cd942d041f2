"""The tables that a person reads."""

from __future__ import annotations

import io
import math
import re

import pytest
from rich.console import Console, RenderableType

from arena.view.results.markdown import markdown, summary_texts
from arena.view.results.prices import Price
from arena.view.results.report import Report
from arena.view.results.tables import (
    failed_table,
    honesty_table,
    leaderboard_table,
    live_standings,
    number,
    payoff_table,
    price_table,
    results,
)
from tests.view.conftest import innocent, made_report, row


def shown(*tables: RenderableType, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    for table in tables:
        console.print(table)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [(0.12345, ".3f", "0.123"), (None, ".3f", "-"), (math.nan, ".1f", "-"), (0.5, "+.1f", "+0.5")],
)
def test_what_is_not_known_is_a_dash(value: float | None, form: str, text: str) -> None:
    assert number(value, form) == text


def test_a_leaderboard_has_a_line_for_each_player() -> None:
    report = made_report([row("a", "t", 0.25), row("b", "t", 0.75)])
    lines = shown(leaderboard_table("owner", report.standings["owner"])).splitlines()
    assert lines[0].startswith("Owners")
    assert [line.split()[:4] for line in lines if " ± " in line] == [
        ["a", "0.750", "0.750", "0.750"],
        ["b", "0.250", "0.250", "0.250"],
    ]


def test_a_leaderboard_can_be_cut_short() -> None:
    report = made_report([row(owner, "t") for owner in "abcdefgh"])
    assert shown(leaderboard_table("owner", report.standings["owner"], 3)).count(" ± ") == 3
    assert shown(live_standings(report)).count(" ± ") == 6 + 1


def test_pay_offs_have_a_row_for_each_thief_and_a_column_for_each_owner() -> None:
    report = made_report([row("a", "t", 0.25), row("b", "t", None), row("a", "u", 1.0)])
    lines = [
        line.split() for line in shown(payoff_table(report.payoffs)).splitlines() if line.strip()
    ]
    assert lines[0] == ["thief", "a", "b"]
    assert lines[2:] == [["t", "0.25", "ERROR"], ["u", "1.00", "·"]]


@pytest.mark.parametrize("width", [40, 60, 100, 200])
def test_a_wide_table_is_divided_and_nothing_is_lost(width: int) -> None:
    owners = [f"owner-number-{i}" for i in range(12)]
    report = made_report([row(owner, "t", i / 100) for i, owner in enumerate(owners)])
    text = shown(payoff_table(report.payoffs), width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert all(owner in text for owner in owners)
    assert all(f"{i / 100:.2f}" in text for i in range(12))


def test_false_alarms_are_said_with_their_interval() -> None:
    innocents = [innocent("a", caught=i == 0, number=i) for i in range(20)]
    text = shown(honesty_table(made_report([row("a", "t")], innocents).honesty))
    assert "1/20" in text
    assert "0.001 to 0.249" in text
    assert "+0.250" in text
    assert "judge" in text  # all of judging: the owner's verification is a part of it
    assert "verify" not in text


def test_an_owner_without_innocents_has_no_interval() -> None:
    text = shown(honesty_table(made_report([row("a", "t", kept=1.0)]).honesty))
    assert "0/1" not in text
    assert "0/0" not in text
    assert " to " not in text


def test_failures_are_said_with_their_reason() -> None:
    text = shown(failed_table([row("a", "t", None, status="LIMIT", message="[b]too[/b] much")]))
    assert "LIMIT" in text
    assert "[b]too[/b] much" in text  # a message is never read as markup


def test_the_results_of_a_played_tournament(report: Report) -> None:
    text = shown(*results(report))
    for title in ("Owners: their own", "Thieves: their own", "Pay-off of each", "false alarms"):
        assert title in text
    assert "Rounds without a score" in text
    assert "bits+32-vs-poor-0" in text


@pytest.mark.parametrize("width", [40, 60])
def test_no_figure_is_cut_in_a_narrow_place(report: Report, width: int) -> None:
    text = shown(*results(report), width=width)
    assert max(map(len, text.splitlines())) <= width
    assert set(re.findall(r"\S*\d\S*", shown(*results(report)))) <= set(text.split())


def test_the_price_of_a_theft_says_what_the_front_leaves_out() -> None:
    said = " ".join(shown(price_table([Price("ft", 0.9, 0.1, 20, 0.5, best=True)])).split())
    assert "price: work and queries" in said
    assert "whether it was caught, are not part of it" in said
    assert "cost" not in said  # what an owner's protection takes


def test_there_is_no_table_of_failures_without_one() -> None:
    assert "without a score" not in shown(*results(made_report([row("a", "t")])))


def test_markdown_cells_cannot_break_the_table() -> None:
    assert markdown(["a"], [["x|y"]]).splitlines()[-1] == "| x/y |"


def test_the_texts_of_tensorboard_name_every_player(report: Report) -> None:
    texts = summary_texts(report)
    assert list(texts) == ["leaderboard/owners", "leaderboard/thieves", "false_alarms", "failed"]
    assert all(owner in texts["leaderboard/owners"] for owner in report.owners)
    assert "0/2" in texts["false_alarms"]
    assert "LIMIT" in texts["failed"]
    assert "failed" not in summary_texts(made_report([row("a", "t")]))
