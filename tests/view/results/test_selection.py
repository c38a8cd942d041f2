"""Rounds that a person chooses, in the form of their choice."""

from __future__ import annotations

import csv
import io

import pytest

from arena.errors import ArenaError
from arena.game.match.rows import RoundRow
from arena.game.rules.figures import figures
from arena.view.results.formats import as_csv, as_latex, as_markdown, fitting
from arena.view.results.selection import Wanted, columns, select
from tests.view.conftest import printed, row

ROWS = [
    row("adi", "ft-al", 0.5),
    row("adi", "prune", None),
    row("uchida", "ft-ll", 0.25),
    row("uchida", "ft-al", 1.0, caught=True),
]


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (Wanted(), [0, 1, 2, 3]),
        (Wanted(("owner=adi",)), [0, 1]),
        (Wanted(("thief=ft-*", "owner=uchida")), [2, 3]),
        (Wanted(("caught=yes",)), [3]),
        (Wanted(("caught=true",)), [3]),
        (Wanted(("payoff=0.50",)), [0]),
        (Wanted(sort="payoff"), [2, 0, 3, 1]),
        (Wanted(sort="-payoff"), [3, 0, 2, 1]),
        (Wanted(sort="thief"), [0, 3, 2, 1]),
        (Wanted(("owner=nobody",)), []),
    ],
)
def test_rounds_are_filtered_and_sorted(wanted: Wanted, chosen: list[int]) -> None:
    assert select(ROWS, wanted) == [ROWS[i] for i in chosen]


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (Wanted(("ownr=adi",)), "found 'ownr'; did you mean 'owner'?"),
        (Wanted(("adi",)), "expected a filter COLUMN=VALUE, as in owner=uchida, found 'adi'"),
        (Wanted(sort="-payof"), "did you mean 'payoff'?"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(wanted: Wanted, sentence: str) -> None:
    with pytest.raises(ArenaError) as refused:
        select(ROWS, wanted)
    assert sentence in str(refused.value)


def test_columns_are_those_of_the_table_of_figures() -> None:
    usual = columns(Wanted(sort="-steps"))
    compared = {name for name, figure in figures(RoundRow).items() if figure.final}
    assert compared | {"owner", "thief", "p_value", "steps"} <= set(usual)
    assert columns(Wanted(columns=("seed", "owner"))) == ["seed", "owner"]
    assert columns(Wanted(), all_of_them=True) == list(figures(RoundRow))
    with pytest.raises(ArenaError, match="found 'sed'"):
        columns(Wanted(columns=("sed",)))


def test_csv_holds_numbers_as_they_are() -> None:
    found = list(csv.DictReader(io.StringIO(as_csv(ROWS, list(figures(RoundRow))))))
    assert [line["payoff"] for line in found] == ["0.5", "", "0.25", "1.0"]
    assert found[0]["threat"] == "{}"


def test_texts_are_escaped_where_they_must_be() -> None:
    names = ["owner", "p_value"]
    odd = [row("a_b|c&d", "none", 0.5)]
    assert as_markdown(odd, names).splitlines()[2] == "| a_b/c&d | 0.5 |"
    lines = as_latex(odd, names).splitlines()
    assert lines[0] == r"\begin{tabular}{lr}"
    assert r"owner & p\_value \\" in lines
    assert r"a\_b|c\&d & 0.5 \\" in lines


def test_a_table_holds_the_columns_that_fit_and_names_the_others() -> None:
    names = ["owner", "thief", "payoff", "utility", "metric"]
    table, left = fitting(ROWS, names, 32)
    heads, _, *rows = printed(table, 32).strip().splitlines()
    assert heads.split() == ["owner", "thief", "payoff"]
    assert rows[0].index("ft-al") == rows[1].index("prune") == heads.index("thief") + 1
    assert rows[0].rstrip().endswith("   0.50")
    assert left == ["utility", "metric"]
    assert fitting(ROWS, names, 200)[1] == []
