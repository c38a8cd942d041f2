"""The ledger refuses what it cannot read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from arena.errors import StoreError
from arena.runs.ledger import Ledger


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
