"""Rows of JSON, one a cell: a benchmark that was stopped goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

Row = dict[str, float | str | None]


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file; none where there is no file."""
    return [json.loads(line) for line in path.open()] if path.exists() else []


def carry_on(path: Path, make: Callable[[set[str]], Iterable[Row]]) -> list[Row]:
    """Write what is missing to the end of a file, each row once it is made; return all rows.

    Args:
        path: of the file.
        make: yields rows, given the names of the cells that are done.
    """
    rows = read_rows(path)
    with path.open("a") as file:
        for row in make({str(row["cell"]) for row in rows}):
            rows.append(row)
            file.write(json.dumps(row) + "\n")
            file.flush()
    return rows
