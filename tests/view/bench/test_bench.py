"""`arena bench` and `arena board`, from a suite's file to the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arena.runs.bench.result import read_result
from arena.view.exit_codes import ExitCode
from tests.view.conftest import Command

TINY = Path(__file__).parent / "tiny-1.toml"


def test_a_scheme_is_benched_continued_shown_and_put_on_a_board(
    arena: Command, tmp_path: Path
) -> None:
    """The tiny suite: what it prints, what it writes, and that nothing is played twice."""
    order = ("bench", "uchida", f"--suite={TINY}", f"--out={tmp_path}", "--jobs=1")
    done = arena(*order)
    assert done.code == ExitCode.DONE
    result = read_result(tmp_path / "uchida.json")
    assert result.status == "OK"
    assert (result.robust.n, result.robust.clusters) == (2, 2)
    assert [one.thieves for one in result.families] == [1, 1, 0, 0, 1, 0]
    assert result.false_positives.n == 2 * 4
    assert [tried.strength for tried in result.strengths[0].tried] == [0.0, 1.0]
    assert result.verify is not None
    assert "Robust ownership of uchida" in done.out
    again = arena(*order)
    assert again.err.splitlines() == ["tiny-1-search: no steps to make", "tiny-1: no steps to make"]
    assert read_result(tmp_path / "uchida.json").robust == result.robust
    assert "forge-key.0" in arena("show", tmp_path / "uchida").out
    board = arena("board", tmp_path, "--markdown")
    assert "| uchida |" in board.out
    assert json.loads(arena("board", tmp_path, "--json").out)["digits"][0]["status"] == "OK"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("uchidaa",), "did you mean 'uchida'?"),
        (("uchida", "--data=mnist"), "is not played on 'mnist'"),
        (("uchida", "--suite=standard-0"), "no suite is called 'standard-0'"),
        (("kgw",), "'kgw' needs a model of language"),
        (("missing.py:Mine",), "missing.py"),
        (("mine.py",), "no defender is called"),
    ],
)
def test_what_cannot_be_benched_is_refused_with_a_sentence(
    arena: Command, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    suite = () if any("--suite" in word for word in words) else (f"--suite={TINY}",)
    done = arena("bench", *words, *suite, f"--out={tmp_path}")
    assert done.code == ExitCode.REFUSED
    assert says in done.err
    assert "Traceback" not in done.err


def test_a_board_of_nothing_is_refused(arena: Command, tmp_path: Path) -> None:
    done = arena("board", tmp_path)
    assert done.code == ExitCode.REFUSED
    assert "found none" in done.err
