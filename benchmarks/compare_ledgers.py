"""Whether two ledgers hold the same results: every figure of every round and every innocent.

    python -m benchmarks.compare_ledgers OLD NEW

OLD and NEW are ledgers, or folders of tournaments. Compared are status, statistic, p-value,
threshold, utility, pay-off, every meter and every further number of a verdict, to the last bit;
left out are seconds, the hardware, versions, digests of steps and sentences. Columns that only NEW
has are named and not compared. Prints every difference and the counts; exit code 1 for any.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import say

Value = float | str | None
Key = tuple[str | int, ...]
Table = dict[Key, dict[str, Value]]

KEYS = {"rounds": ("match", "round"), "innocents": ("owner", "repeat", "number")}
LEFT_OUT = frozenset({"digest", "hardware", "versions", "settings", "threat", "message", "reason"})
LEFT_OUT_TEXTS = frozenset({"reasons", "rule"})
RENAMED: dict[str, str] = {}
"""Columns of an older form by the name that they have now."""
SHOWN = 200  # differences that are printed; all are counted


@dataclass(frozen=True)
class Difference:
    """One value that is not the same in both ledgers."""

    table: str
    key: Key
    name: str
    old: Value
    new: Value

    def __str__(self) -> str:
        where = " ".join(map(str, self.key))
        return f"{self.table} {where}: {self.name} {self.old!r} -> {self.new!r}"


@dataclass(frozen=True)
class Comparison:
    """What a comparison found: differences, how many values were compared, names in NEW alone."""

    differences: tuple[Difference, ...]
    n_rows: int
    n_values: int
    added: tuple[str, ...]


def table(path: Path, name: str) -> Table:
    """Return a table of a ledger by key; JSON of further figures is spread into columns."""
    uri = f"file:{path}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as db:
        db.row_factory = sqlite3.Row
        rows = [dict(row) for row in db.execute(f"SELECT * FROM {name}")]  # noqa: S608 - our names
    return {tuple(row[part] for part in KEYS[name]): _figures(row) for row in rows}


def _figures(row: Mapping[str, Value]) -> dict[str, Value]:
    """Return what is compared of a row."""
    found: dict[str, Value] = {}
    for name, value in row.items():
        if name == "figures" and isinstance(value, str):
            found.update(_spread("figures", json.loads(value)))
        elif name not in LEFT_OUT | LEFT_OUT_TEXTS and not name.endswith("_s"):
            found[RENAMED.get(name, name)] = value
    return found


def _spread(name: str, value: object) -> Iterable[tuple[str, Value]]:
    """Yield every number and text inside a JSON value under the name of its place."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _spread(f"{name}/{key}", inner)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _spread(f"{name}/{i}", inner)
    elif not name.endswith("_s"):
        yield name, value if isinstance(value, float | int | str) else None


def compare(old: Path, new: Path) -> Comparison:
    """Return what differs between two ledgers."""
    differences: list[Difference] = []
    added: set[str] = set()
    n_rows = n_values = 0
    for name in KEYS:
        before, after = table(old, name), table(new, name)
        n_rows += len(before.keys() | after.keys())
        for key in sorted(before.keys() ^ after.keys(), key=str):
            there = ("played", "missing") if key in before else ("missing", "played")
            differences.append(Difference(name, key, "row", *there))
        for key in sorted(before.keys() & after.keys(), key=str):
            mine, theirs = before[key], after[key]
            added |= {f"{name}.{column}" for column in theirs.keys() - mine.keys()}
            n_values += len(mine)
            differences += [
                Difference(name, key, column, value, theirs.get(column))
                for column, value in mine.items()
                if value != theirs.get(column)
            ]
    return Comparison(tuple(differences), n_rows, n_values, tuple(sorted(added)))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compare two ledgers.")
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    given = parser.parse_args(arguments)
    found = compare(_ledger(given.old), _ledger(given.new))
    for difference in found.differences[:SHOWN]:
        say(str(difference))
    if len(found.differences) > SHOWN:
        say(f"... and {len(found.differences) - SHOWN} more")
    if found.added:
        say(f"only in the new ledger, not compared: {', '.join(found.added)}")
    say(
        f"{found.n_rows} rows, {found.n_values} values compared, "
        f"{len(found.differences)} differences"
    )
    return 1 if found.differences else 0


def _ledger(path: Path) -> Path:
    """Return the ledger at a path, or in the folder that it is."""
    found = path / "ledger.sqlite" if path.is_dir() else path
    if not found.is_file():
        sys.exit(f"expected a ledger at {path}, found none")
    return found


if __name__ == "__main__":
    sys.exit(main())
