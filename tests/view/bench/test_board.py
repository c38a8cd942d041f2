"""`arena board` of results that strangers wrote."""

from __future__ import annotations

from pathlib import Path

from arena.runs.bench.result import Flag, write_result
from tests.runs.bench.synthetic import result
from tests.view.conftest import Command


def test_a_hostile_result_is_text_on_the_page_and_in_the_terminal(
    arena: Command, tmp_path: Path
) -> None:
    evil = "\x1b[31m<img src=x>\n\n# Owned [l](javascript:x) `c` \u202e"
    made = result(evil, flags=(Flag(name=evil, says=evil),), unknown=1)
    run = made.run.model_copy(update={"data": evil, "suite": evil, "hardware": evil})
    write_result(tmp_path / "a.json", made.model_copy(update={"run": run}))
    page = arena("board", tmp_path, "--markdown").out
    assert [line for line in page.splitlines() if "Owned" in line and line.startswith("# ")] == []
    for sign in ("\x1b", "\u202e", "<img", "[l](", " `c`"):
        assert sign not in page
    said = arena("board", tmp_path).out
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "<img src=x> # Owned [l](javascript:x) `c`" in said  # as it is, on one line


def test_a_result_that_is_named_twice_is_one_row(arena: Command, tmp_path: Path) -> None:
    write_result(tmp_path / "a.json", result())
    once = arena("board", tmp_path)
    assert "1 protection\n" in once.out
    assert arena("board", tmp_path, tmp_path / "a.json", tmp_path) == once


def test_a_board_has_one_form(arena: Command, tmp_path: Path) -> None:
    write_result(tmp_path / "a.json", result())
    done = arena("board", tmp_path, "--json", "--markdown")
    assert (done.code, done.out) == (2, "")
    assert done.err == "arena: expected one format, found json and markdown; leave one out\n"


def test_a_flag_is_seen_beside_the_headline(arena: Command, tmp_path: Path) -> None:
    flag = Flag(name="recoverable-key", says="3 of 4 keys are no secrets")
    write_result(tmp_path / "a.json", result("flagged", flags=(flag,)))
    write_result(tmp_path / "b.json", result("plain"))
    lines = arena("board", tmp_path).out.splitlines()
    marked = {name: next(line for line in lines if name in line) for name in ("flagged", "plain")}
    assert ("!" in marked["flagged"], "!" in marked["plain"]) == (True, False)
