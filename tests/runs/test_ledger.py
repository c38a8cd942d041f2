"""The ledger refuses what it cannot read."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from arena.errors import StoreError
from arena.runs.ledger import Ledger
from arena.runs.reading import reading

from .conftest import Played


def test_a_ledger_opens_again(tmp_path: Path) -> None:
    for _ in range(2):
        with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
            assert ledger.rounds() == []


@pytest.mark.parametrize("form", [0, 1, 99])
def test_a_ledger_of_another_version_is_refused_and_left_as_it_is(
    tmp_path: Path, form: int
) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE innocents (owner TEXT)")
        other.execute(f"PRAGMA user_version = {form}")
        other.commit()
    with pytest.raises(StoreError, match=f"found form {form}, .* choose another --out folder"):
        Ledger(path)
    with closing(sqlite3.connect(path)) as again:
        assert again.execute("PRAGMA user_version").fetchone()[0] == form


DAMAGE = {
    "a text for a number": ("UPDATE rounds SET payoff = 'much'", "'much' as payoff"),
    "a text for a count": ("UPDATE rounds SET repeat = 'twice'", "'twice' as repeat"),
    "a number for a table": ("UPDATE rounds SET figures = '5'", "'5' as figures"),
    "garbage for figures": ("UPDATE rounds SET figures = '{'", "found Expecting"),
    "bytes for a number": ("UPDATE innocents SET p_value = x'00ff'", "as p_value"),
    "an infinite share": (
        "UPDATE rounds SET payoff = 9e999",
        "inf as payoff, which is from 0 to 1",
    ),
    "a share of more": ("UPDATE innocents SET p_value = 2", "2.0 as p_value, which is from 0 to 1"),
    "infinite seconds": ("UPDATE rounds SET move_s = 9e999", "inf as move_s"),
    "five for a truth": ("UPDATE rounds SET caught = 5", "'5' as caught"),
    "nobody's round": ("UPDATE rounds SET owner = NULL", "a row of rounds without owner"),
    "garbage for facts": ("UPDATE run SET value = 'x'", "found Expecting value"),
}


def everything(ledger: Ledger) -> list[object]:
    return [ledger.facts(), ledger.rounds(), ledger.innocents()]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_row_is_one_sentence(finished: Played, tmp_path: Path, damage: str) -> None:
    sql, found = DAMAGE[damage]
    path = tmp_path / "ledger.sqlite"
    shutil.copy(finished.out / "ledger.sqlite", path)
    with closing(sqlite3.connect(path)) as other:
        other.execute(sql)
        other.commit()
    with closing(Ledger(path)) as ledger, pytest.raises(StoreError) as caught:
        everything(ledger)
    sentence = str(caught.value)
    assert sentence.startswith(f"expected a sound ledger at {path}, found ")
    assert found in sentence
    assert f"`arena doctor {tmp_path}` says what to do" in sentence


@pytest.mark.parametrize(
    ("sql", "lacks"),
    [
        ("DROP TABLE rounds", "no table 'rounds'"),
        ("DROP TABLE innocents", "no table 'innocents'"),
        ("DROP TABLE run", "no table 'run'"),
        ("ALTER TABLE rounds DROP COLUMN thief", "no column 'thief' in rounds"),
    ],
)
def test_a_ledger_that_has_lost_a_part_is_not_new(
    finished: Played, tmp_path: Path, sql: str, lacks: str
) -> None:
    path = tmp_path / "ledger.sqlite"
    shutil.copy(finished.out / "ledger.sqlite", path)
    with closing(sqlite3.connect(path)) as other:
        other.execute(sql)
        other.commit()
    for _ in range(2):  # and looking does not mend it
        with pytest.raises(
            StoreError, match=f"expected a sound ledger at .*, found {lacks}; `arena"
        ):
            Ledger(path)


def test_a_ledger_that_cannot_be_written_is_read_from_a_copy(
    finished: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(finished.out / "ledger.sqlite", tmp_path / "ledger.sqlite")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    before = sorted(tmp_path.iterdir())
    with reading(tmp_path / "ledger.sqlite") as ledger:
        assert ledger.lasting() == finished.ledger.lasting()
        assert ledger.path != tmp_path / "ledger.sqlite"
    assert sorted(tmp_path.iterdir()) == before


def test_a_ledger_that_lacks_a_figure_gets_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(Ledger(path)):
        pass
    with closing(sqlite3.connect(path)) as other:
        other.execute("ALTER TABLE rounds DROP COLUMN kept")
        other.commit()
    with closing(Ledger(path)) as ledger:
        assert ledger.rounds() == []
    with closing(sqlite3.connect(path)) as again:
        assert "kept" in {row[1] for row in again.execute("PRAGMA table_info(rounds)")}


def test_a_ledger_with_figures_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(Ledger(path)):
        pass
    with closing(sqlite3.connect(path)) as other:
        other.execute("ALTER TABLE innocents ADD COLUMN mood REAL")
        other.commit()
    with pytest.raises(StoreError, match="found mood, of another version"):
        Ledger(path)
