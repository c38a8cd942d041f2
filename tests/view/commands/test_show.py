"""`arena show`: the whole, chosen rounds, and one match."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from arena.view.results.report import Report
from tests.view.conftest import Command


@pytest.fixture
def ledger(played: Path, tmp_path: Path) -> Path:
    """A folder with the ledger of the played tournament: a match that is opened is drawn there."""
    shutil.copyfile(played / "ledger.sqlite", tmp_path / "ledger.sqlite")
    return tmp_path


def test_a_match_is_shown_with_all_that_is_known_of_its_rounds(
    arena: Command, ledger: Path, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.view.conftest.WIDTH", "80")
    title = "bits+32-vs-tune-0"
    said = arena("show", ledger, title).out
    assert max(map(len, said.splitlines()[:-1])) <= 80  # the last has a path
    assert "round 0" in said
    assert "round 1" in said
    for words in (
        "ft-ll (0.5)",
        "p-value",
        "statistic",
        "images backward",
        "query rounds",
        "output = ",
    ):
        assert words in said
    for row in report.matches[title]:
        assert f"{row.utility:.3f}" in said
        assert row.reason is not None
        assert row.reason.partition(" ")[0] in said


def test_a_match_is_drawn_when_it_is_opened(arena: Command, ledger: Path) -> None:
    last = arena("show", ledger, "bits+32-vs-tune-0").out.splitlines()[-1]
    assert last.startswith("drawn in ")
    assert Path(last.removeprefix("drawn in ")).read_bytes().startswith(b"\x89PNG")


def test_a_round_that_failed_says_why(arena: Command, played: Path, report: Report) -> None:
    (failed,) = report.failed
    assert failed.message[:30] in arena("show", played, failed.match).out


def test_chosen_rounds_come_in_every_form(arena: Command, played: Path) -> None:
    chosen = (played, "--filter", "thief=tune", "--columns", "owner,round,payoff")
    table = [line.split() for line in arena("show", *chosen).out.splitlines() if line.strip()]
    assert table[0] == ["owner", "round", "payoff"]
    assert len(table) == 2 + 4
    rows = json.loads(arena("show", *chosen, "--json").out)
    assert [set(row) for row in rows] == [{"owner", "round", "payoff"}] * 4
    for form in ("csv", "markdown", "latex"):
        said = arena("show", *chosen, "--format", form).out
        assert [said.count(owner) for owner in ("none", "bits+32")] == [2, 2]
    assert "no round is like that" in arena("show", played, "--filter", "owner=x").out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["bits+32-vs-tune-1"], "did you mean 'bits+32-vs-tune-0'?"),
        (["--format", "tex"], "expected a format, found 'tex'"),
        (["--sort", "payof"], "did you mean 'payoff'?"),
        (["--sort", ""], "expected a column, found ''"),
        (["--columns", ","], "expected a column, found ''"),
        (["--json", "--format", "csv"], "expected one format, found json and csv; leave one out"),
        (["--max-loss", "nan"], "'--max-loss'"),
    ],
)
def test_what_is_not_there_is_refused(
    arena: Command, played: Path, arguments: list[str], sentence: str
) -> None:
    done = arena("show", played, *arguments)
    assert (done.code, done.out) == (2, "")
    assert sentence in done.err
    assert done.err.count("\n") == 1


def test_a_format_may_be_asked_for_twice(arena: Command, played: Path) -> None:
    once = arena("show", played, "--json").out
    assert arena("show", played, "--json", "--format", "json").out == once
