from __future__ import annotations

import functools
import json
import math
import operator
from pathlib import Path

import pytest

from arena import ROOT
from arena.errors import BaselineError
from arena.runs.bench.board import ranked, read_board
from arena.runs.bench.intervals import Share
from arena.runs.bench.result import FamilyScore, Result, read_result, write_result
from arena.runs.bench.suite import FAMILIES
from arena.world.json_values import Json
from tests.runs.bench.synthetic import result


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = result()
    write_result(tmp_path / "uchida.json", made)
    assert read_result(tmp_path / "uchida.json") == made


def test_the_best_comes_first_and_what_has_no_headline_last() -> None:
    failed = result("broken", hits=10, status="ERROR", reason="it raised")
    order = ranked([failed, result("low", hits=2), result("high", hits=9)])
    assert [one.subject.name for one in order] == ["high", "low", "broken"]
    assert order[-1].headline is None


def test_of_equal_headlines_who_loses_least_comes_first() -> None:
    def lost(name: str, *gains: float | None) -> Result:
        found = Share(hits=0, n=4, clusters=4, low=0.0, high=0.6)
        scores = [
            FamilyScore(family=family, thieves=1, worst_gain=gain, worst_thief="ft", found=found)
            for family, gain in zip(FAMILIES, gains, strict=False)
        ]
        return result(name, hits=0).model_copy(update={"families": tuple(scores)})

    order = ranked([lost("all", 0.0, 0.9), lost("little", 0.1, 0.2), lost("some", None, 0.3)])
    assert [one.subject.name for one in order] == ["little", "some", "all"]
    assert ranked([lost("unplayed"), lost("lost", 1.0, 0.98)])[0].subject.name == "lost"


def test_a_board_has_a_table_for_each_data_set(tmp_path: Path) -> None:
    other = result()
    run = other.run.model_copy(update={"data": "mnist"})
    write_result(tmp_path / "a.json", result())
    write_result(tmp_path / "b.json", other.model_copy(update={"run": run}))
    assert {data: len(found) for data, found in read_board([tmp_path]).items()} == {
        "digits": 1,
        "mnist": 1,
    }


def test_results_of_two_suites_are_not_put_into_one_table(tmp_path: Path) -> None:
    other = result("adi")
    run = other.run.model_copy(update={"suite": "made-2", "suite_sha256": "ff" * 32})
    write_result(tmp_path / "a.json", result())
    write_result(tmp_path / "b.json", other.model_copy(update={"run": run}))
    with pytest.raises(BaselineError, match=r"one suite.*made-1.*made-2"):
        read_board([tmp_path])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "expected a result of `arena bench`"),
        ("[" * 100_000 + "]" * 100_000, "expected a result of `arena bench`.*too deeply"),
        ('{"schema": NaN}', "expected a result of schema arena-bench.*found nan"),
        ("[]", "schema"),
        ('{"schema": "arena-bench/0"}', "found 'arena-bench/0'"),
        ('{"schema": "arena-bench/1"}', "damaged at 'run'"),
    ],
)
def test_a_file_that_is_no_result_is_refused_with_a_sentence(
    tmp_path: Path, content: str, says: str
) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(BaselineError, match=says):
        read_result(path)


def test_a_share_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_result(path, result())
    raw = json.loads(path.read_text())
    raw["robust"]["hits"] = "many"
    path.write_text(json.dumps(raw))
    with pytest.raises(BaselineError, match=r"damaged at 'robust.hits'"):
        read_result(path)


BENT = [
    ("robust.hits", 50, "expected hits of at most n, found 50 and 10"),
    ("robust.hits", "8", "valid integer"),
    ("robust.hits", True, "valid integer"),
    ("robust.n", -1, "greater than or equal to 0"),
    ("robust.n", 10**400, "less than or equal to"),
    ("robust.low", 0.95, "expected low of at most high"),
    ("robust.high", 1.5, "less than or equal to 1"),
    ("false_positives.clusters", 11, "expected clusters of at most n"),
    ("unknown", -1, "greater than or equal to 0"),
    ("unknown", 11, "expected unknown of at most robust.n"),
    ("run.gain", 1e308, "less than or equal to 1"),
    ("run.gain", math.nan, "expected a finite number, found nan"),
    ("run.seconds", math.inf, "expected a finite number, found inf"),
    ("subject.settings", {"rate": math.nan}, "'subject.settings.rate': expected a finite number"),
    ("fidelity_loss", {"mean": 0.0, "low": 0.5, "high": 0.1}, "expected low of at most high"),
    ("verify", {"queries": -1.0, "seconds": 0.0}, "'verify.queries'"),
]


@pytest.mark.parametrize(("field", "value", "says"), BENT)
def test_numbers_that_no_bench_gives_are_refused_with_file_and_field(
    tmp_path: Path, field: str, value: Json, says: str
) -> None:
    path = tmp_path / "bent.json"
    write_result(path, result())
    raw = json.loads(path.read_text())
    *tables, last = field.split(".")
    functools.reduce(operator.getitem, tables, raw)[last] = value
    path.write_text(json.dumps(raw))
    with pytest.raises(BaselineError) as refused:
        read_board([path])
    assert "bent.json is damaged at" in str(refused.value)
    assert says in str(refused.value)


def test_a_file_that_is_nested_too_deep_is_no_result(tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000)
    with pytest.raises(BaselineError, match="expected a result of `arena bench`"):
        read_result(path)


def test_the_results_that_ship_are_read() -> None:
    for path in sorted((ROOT / "benchmarks" / "results" / "board").rglob("*.json")):
        assert read_result(path).robust.n, path


def test_a_folder_without_results_is_no_board(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="found none"):
        read_board([tmp_path])
