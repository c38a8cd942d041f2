"""Tables of experiments, as text and as CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

from arena.view.reproduce.samples import Measured
from arena.view.reproduce.tables import table_of, thresholds
from tests.view.reproduce.conftest import experiment, sample, series


def found(**more: Any) -> Measured:
    samples = [
        sample("c0", {"RobD": 0.1234, "JSD": 0.6}),
        sample("Neg-1 1", {"RobD": 0.8}, "Neg-1"),
    ]
    return Measured(experiment(metrics=("RobD", "JSD"), **more), samples)


def test_a_row_for_each_model_and_its_votes() -> None:
    lines = table_of(found()).markdown().splitlines()
    assert lines == [
        "| model | kind | accuracy | RobD | JSD | votes |",
        "| --- | --- | --- | --- | --- | --- |",
        "| c0 | copy | 0.900 | 0.123 | 0.600 | 1/2 |",
        "| Neg-1 1 | Neg-1 | 0.900 | 0.800 | - | 0/1 |",
    ]


def test_csv_keeps_all_digits_and_leaves_what_is_missing_empty() -> None:
    rows = list(csv.DictReader(io.StringIO(table_of(found()).csv())))
    assert [row["RobD"] for row in rows] == ["0.1234", "0.8"]
    assert [row["JSD"] for row in rows] == ["0.6", ""]


def test_queries_are_shown_where_they_are_an_axis() -> None:
    table = table_of(found(series=[series(1, degrees=[])]))
    assert table.columns[3] == "queries"
    assert table.rows[0][3] == 10.0


def test_a_model_without_readings_says_why() -> None:
    failed = Measured(experiment(), [sample("c0", {}, note="it broke")])
    assert table_of(failed).rows[0][-1] == "it broke"


def test_a_row_for_each_judge_where_judges_are_compared() -> None:
    samples = [
        sample("c0", {"RobD": 0.25}, owner="c0"),
        sample("n", {"RobD": 0.75}, "Neg-1", owner="c0"),
    ]
    table = table_of(Measured(experiment("gaps", series=[series(1)]), samples))
    assert table.rows == [["more and more 1", 0.25, 0.75, 0.5, 1.0]]


def test_thresholds_are_those_of_the_readings() -> None:
    assert thresholds(found()).rows == [["", "RobD", 0.5], ["", "JSD", 0.5]]


def test_on_a_task_of_its_own_the_second_number_is_the_utility_and_stands_once() -> None:
    made = Measured(experiment(metrics=("RobD", "utility"), own_task=True), found().samples)
    assert list(table_of(made).columns) == ["model", "kind", "utility", "RobD", "votes"]
