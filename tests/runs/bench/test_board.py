from __future__ import annotations

import json
from pathlib import Path

import pytest

from arena.errors import BaselineError
from arena.runs.bench.board import ranked, read_board
from arena.runs.bench.result import read_result, write_result
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
        ('{"schema": NaN}', "expected a result of `arena bench`.*found NaN"),
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


def test_a_folder_without_results_is_no_board(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="found none"):
        read_board([tmp_path])
