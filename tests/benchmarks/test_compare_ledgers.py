from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.compare_ledgers import Difference, compare, main

ROUNDS = "match TEXT, round INTEGER, statistic REAL, judge_s REAL, figures TEXT"
INNOCENTS = "owner TEXT, repeat INTEGER, number INTEGER, p_value REAL"
BER = '{"evidence":{"ber":0.25}}'


def ledger(path: Path, *, statistic: float = 0.5, figures: str = BER, extra: str = "") -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"CREATE TABLE rounds ({ROUNDS}{extra})")
        db.execute(f"CREATE TABLE innocents ({INNOCENTS})")
        row = ("a-vs-b-0", 0, statistic, statistic, figures)
        db.execute(
            "INSERT INTO rounds (match, round, statistic, judge_s, figures) VALUES (?, ?, ?, ?, ?)",
            row,
        )
        db.execute("INSERT INTO innocents VALUES ('a', 0, 0, 0.75)")
    return path


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return ledger(tmp_path / "old.sqlite")


def test_equal_ledgers_have_no_differences(old: Path, tmp_path: Path) -> None:
    found = compare(old, ledger(tmp_path / "new.sqlite"))
    assert not found.differences
    assert (found.n_rows, found.n_values) == (2, 8)


def test_a_difference_in_the_last_bit_is_found_and_seconds_are_left_out(
    old: Path, tmp_path: Path
) -> None:
    new = ledger(tmp_path / "new.sqlite", statistic=0.5 + 2**-52)
    (found,) = compare(old, new).differences
    assert found == Difference("rounds", ("a-vs-b-0", 0), "statistic", 0.5, 0.5 + 2**-52)
    assert main([str(old), str(new)]) == 1


def test_figures_inside_a_verdict_are_compared(old: Path, tmp_path: Path) -> None:
    new = ledger(tmp_path / "new.sqlite", figures='{"evidence":{"ber":0.5}}')
    assert [one.name for one in compare(old, new).differences] == ["figures/evidence/ber"]


def test_a_row_that_is_missing_is_a_difference(old: Path, tmp_path: Path) -> None:
    new = ledger(tmp_path / "new.sqlite")
    with closing(sqlite3.connect(new, isolation_level=None)) as db:
        db.execute("DELETE FROM innocents")
    assert [one.name for one in compare(old, new).differences] == ["row"]


def test_a_new_column_is_named_and_is_no_difference(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = ledger(tmp_path / "new.sqlite", extra=", gain REAL")
    assert main([str(old), str(new)]) == 0
    assert "only in the new ledger, not compared: rounds.gain" in capsys.readouterr().out
