"""The ledger: an SQLite row for each round and each verified innocent; the source of all views.

Its columns are the fields of `arena.game.match.rows`: a figure that is new there is a new column
here, and a ledger that was begun without it gets the column with the next round, empty for the
rounds before. Figures that do not last say how long something took and where it ran; all others are
the same in every run of the same scenario on the same machine.
"""

from __future__ import annotations

import math
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_type_hints

from arena.errors import StoreError
from arena.game.match.play import RoundRecord
from arena.game.match.reports import Innocents
from arena.game.match.rows import InnocentRow, RoundRow, Verified
from arena.game.rules.figures import figures, row_of, values
from arena.world.json_values import Json, Raw, canonical, from_json

LEDGER = "ledger.sqlite"
"""The name of the ledger in a tournament's folder."""

_VERSION = 2  # of what is no figure: tables and their keys
_KEYS: dict[type, tuple[str, ...]] = {
    RoundRow: ("match", "round"),
    InnocentRow: ("owner", "repeat", "number"),
}
_TABLES: dict[type, str] = {RoundRow: "rounds", InnocentRow: "innocents"}
_NAMED: dict[type, frozenset[str]] = {
    RoundRow: frozenset({"match", "round", "owner", "thief", "repeat", "status"}),
    InnocentRow: frozenset({"owner", "repeat", "number"}),
}
"""Which row it is: set in every row of every ledger, so that a row without it is damaged."""
_ALL_TABLES = frozenset({"run", "matches", *_TABLES.values()})
_READ: dict[type, type | tuple[type, ...]] = {int: int, bool: int, float: (int, float)}
_STORAGE = {str: "TEXT", int: "INTEGER", bool: "INTEGER", float: "REAL"}
VOLATILE = tuple(name for name, figure in figures(RoundRow).items() if not figure.lasts)
T = TypeVar("T", RoundRow, InnocentRow)


def _typed(table: type) -> dict[str, tuple[type, bool]]:
    """Return the type of each column, a text of JSON for all but plain values, and if it is set."""
    hints = get_type_hints(table)
    found = {}
    for name in figures(table):
        hint = hints[name]
        kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        plain = [kind for kind in kinds if kind in _STORAGE]
        found[name] = (plain[0] if plain else dict, type(None) not in kinds)
    return found


_TYPES = {table: _typed(table) for table in _TABLES}


def _columns(table: type) -> dict[str, str]:
    """Return the declaration of each column."""
    keys = _KEYS[table]
    return {
        name: _STORAGE.get(kind, "TEXT") + (" NOT NULL" if is_set and name in keys else "")
        for name, (kind, is_set) in _TYPES[table].items()
    }


def _schema() -> str:
    tables = ["CREATE TABLE IF NOT EXISTS run (name TEXT PRIMARY KEY, value TEXT NOT NULL)"]
    tables += [
        "CREATE TABLE IF NOT EXISTS matches (match TEXT PRIMARY KEY, position INTEGER NOT NULL)"
    ]
    for table, name in _TABLES.items():
        columns = ", ".join(f"{column} {kind}" for column, kind in _columns(table).items())
        key = ", ".join(_KEYS[table])
        tables.append(f"CREATE TABLE IF NOT EXISTS {name} ({columns}, PRIMARY KEY ({key}))")
    return ";\n".join(tables)


class Ledger:
    """A ledger file. Writers hold it for one transaction each, so several may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("BEGIN")
            found = self._db.execute("PRAGMA user_version").fetchone()[0]
            tables = self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            there = {row["name"] for row in tables}
            self._db.execute("COMMIT")
            foreign = found > _VERSION or (found < _VERSION and bool(there))
            if not foreign:
                self._refuse_half(there)
                self._db.executescript(
                    f"BEGIN IMMEDIATE; PRAGMA user_version = {_VERSION}; {_schema()}; COMMIT"
                )
                for table in _TABLES:
                    self._fit(table)
        except sqlite3.Error as error:
            raise StoreError(
                f"expected a ledger at {path}, found a file that is none ({error}); "
                "choose another --out folder"
            ) from error
        if foreign:
            raise StoreError(
                f"expected a ledger of form {_VERSION} at {path}, found form {found}, of another "
                "version of arena; choose another --out folder"
            )

    def _refuse_half(self, there: Set[str]) -> None:
        """Refuse a ledger that has lost some of its tables; without any it is new.

        Raises:
            StoreError: it has.
        """
        if there and not there >= _ALL_TABLES:
            raise self._damaged(f"no table {min(_ALL_TABLES - there)!r}")

    def _damaged(self, found: object) -> StoreError:
        return StoreError(
            f"expected a sound ledger at {self.path}, found {found}; `arena doctor "
            f"{self.path.parent}` says what to do"
        )

    def _fit(self, table: type) -> None:
        """Add the columns of figures that are newer than the ledger.

        Raises:
            StoreError: it holds figures that are not known here, or has lost what names its rows.
        """
        wanted = _columns(table)
        info = self._db.execute(f"PRAGMA table_info({_TABLES[table]})")
        there = {row["name"] for row in info}
        unknown = sorted(there - wanted.keys())
        if unknown:
            raise StoreError(
                f"expected only known figures in {self.path}, found {', '.join(unknown)}, of "
                "another version of arena; choose another --out folder"
            )
        lost = sorted(_NAMED[table] - there)
        if lost:
            raise self._damaged(f"no column {lost[0]!r} in {_TABLES[table]}")
        for name in wanted:
            if name not in there:
                self._db.execute(f"ALTER TABLE {_TABLES[table]} ADD COLUMN {name} {wanted[name]}")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def begin(self, facts: Mapping[str, Json], matches: Iterable[str]) -> None:
        """Write down what this run is, and which matches belong to it now."""
        with self._sound(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for name, value in facts.items():
                self._db.execute("REPLACE INTO run VALUES (?, ?)", (name, canonical(value)))
            self._db.execute("DELETE FROM matches")
            rows = [(match, position) for position, match in enumerate(matches)]
            self._db.executemany("INSERT INTO matches VALUES (?, ?)", rows)

    def titles(self) -> list[str]:
        """Return the titles of the matches that belong to the run now, in its order."""
        with self._sound():
            rows = self._db.execute("SELECT match FROM matches ORDER BY position")
            return [row["match"] for row in rows]

    @contextmanager
    def _sound(self) -> Iterator[None]:
        """Make a sentence of whatever SQLite finds wrong, and of values that are none of ours."""
        try:
            yield
        except (sqlite3.Error, TypeError, ValueError) as error:
            raise self._damaged(error) from error

    def facts(self) -> dict[str, Raw]:
        """Return what the run is: scenario, versions, seed.

        Raises:
            StoreError: they are damaged.
        """
        with self._sound():
            rows = self._db.execute("SELECT name, value FROM run ORDER BY name")
            return {row["name"]: from_json(row["value"]) for row in rows}

    def write_rounds(self, records: Iterable[RoundRecord]) -> None:
        """Write the rounds of one match, replacing what an earlier run wrote for it."""
        rows = [row_of(RoundRow, record) for record in records]
        with self._sound(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            if rows:
                self._db.execute("DELETE FROM rounds WHERE match = ?", (rows[0].match,))
            for row in rows:
                self._insert(row)

    def write_innocents(self, owner: str, repeat: int, innocents: Innocents) -> None:
        """Write an owner's verdicts on the reporting innocents."""
        with self._sound(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            where = (owner, repeat)
            self._db.execute("DELETE FROM innocents WHERE owner = ? AND repeat = ?", where)
            for number, found in enumerate(innocents.verdicts):
                self._insert(row_of(InnocentRow, Verified(owner, repeat, number, found)))

    def _insert(self, row: RoundRow | InnocentRow) -> None:
        stored = {
            name: canonical(value) if isinstance(value, tuple | list | dict) else value
            for name, value in values(row).items()
        }
        marks = ", ".join("?" for _ in stored)
        self._db.execute(
            f"INSERT INTO {_TABLES[type(row)]} ({', '.join(stored)}) "  # noqa: S608 - our own names
            f"VALUES ({marks})",
            tuple(stored.values()),
        )

    def rounds(self) -> list[RoundRow]:
        """Return the rounds of the matches of the present scenario, in its order.

        Raises:
            StoreError: a row is damaged.
        """
        return self._rows(
            RoundRow,
            "SELECT rounds.* FROM rounds JOIN matches USING (match) ORDER BY position, round",
        )

    def innocents(self) -> list[InnocentRow]:
        """Return every verdict on an innocent; raises like `rounds`."""
        return self._rows(InnocentRow, "SELECT * FROM innocents ORDER BY owner, repeat, number")

    def _rows(self, table: type[T], query: str) -> list[T]:
        with self._sound():
            return [_read(table, row) for row in self._db.execute(query)]

    def lasting(self) -> str:
        """Return every figure that lasts as text: equal for equal runs, bit for bit."""
        rounds = [
            {name: value for name, value in values(row).items() if name not in VOLATILE}
            for row in self.rounds()
        ]
        return "\n".join(canonical(row) for row in [*rounds, *map(values, self.innocents())])


def _read(table: type[T], stored: sqlite3.Row) -> T:
    """Return a row as an object; raises ValueError or TypeError where it cannot be one."""
    found = dict(stored)
    for name in sorted(_NAMED[table]):
        if found[name] is None:
            raise ValueError(f"a row of {_TABLES[table]} without {name}")
    return table(
        **{
            name: _bounded(name, _value(name, kind, found[name]), table)
            for name, (kind, _) in _TYPES[table].items()
            if found[name] is not None
        }
    )


def _bounded(name: str, value: Any, table: type) -> Any:
    """Return a value; raises ValueError where its figure has bounds, and this is beyond them."""
    low, high = figures(table)[name].bounds
    if low is None and high is None:
        return value
    least, most = -math.inf if low is None else low, sys.float_info.max if high is None else high
    if not least <= value <= most:
        raise ValueError(f"{value} as {name}, which is from {least:g} to {most:g}")
    return value


def _value(name: str, kind: type, stored: Any) -> Any:
    wanted = _READ.get(kind, str)
    if not isinstance(stored, wanted) or (kind is bool and stored not in (0, 1)):
        raise ValueError(f"{str(stored)[:40]!r} as {name}")
    if kind is bool:
        return bool(stored)
    if kind is not dict:
        return stored
    found = from_json(str(stored))
    if not isinstance(found, list | dict):
        raise ValueError(f"{str(stored)[:40]!r} as {name}")
    return tuple(found) if isinstance(found, list) else found
