"""Rows for whoever works with results in Python: plain values, a readable repr, a data frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from arena.errors import ArenaError
from arena.game.rules.figures import figures

if TYPE_CHECKING:
    import pandas

_LONGEST = 40  # characters of a cell


class Rows(Sequence[dict[str, Any]]):
    """Rows of equal columns; each is a dictionary of plain values."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows = [dict(row) for row in rows]

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Rows: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | Rows:
        found = self._rows[index]
        return Rows(found) if isinstance(found, list) else found

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows)

    @property
    def columns(self) -> list[str]:
        """Return the names of the columns."""
        return list(self._rows[0]) if self._rows else []

    def column(self, name: str) -> list[Any]:
        """Return the values of a column."""
        return [row[name] for row in self._rows]

    def to_frame(self) -> pandas.DataFrame:
        """Return a data frame of the rows.

        Raises:
            ArenaError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ArenaError(
                "expected pandas for a data frame, found none; `pip install pandas`, or use the "
                "rows as they are"
            ) from error
        return pandas.DataFrame(self._rows, columns=self.columns)

    def __repr__(self) -> str:
        return aligned(self.columns, [[_text(row[name]) for name in row] for row in self._rows])


def text_of(rows: Sequence[object], shown: Sequence[str]) -> str:
    """Return some columns of the rows of a table of figures as text, in the figures' own form."""
    if not rows:
        return "nothing"
    known = figures(type(rows[0]))
    cells = []
    for row in rows:
        found = {name: getattr(row, name) for name in shown}
        cells.append(
            [
                known[name].text(value) if type(value) is float else _text(value)
                for name, value in found.items()
            ]
        )
    return aligned([known[name].says or name for name in shown], cells)


def _text(value: object) -> str:
    if value is None:
        return "-"
    text = f"{value:.4g}" if type(value) is float else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as text, its columns under each other.

    >>> print(aligned(["a", "b"], [["1", "long"], ["22", "x"]]))
    a   b
    1   long
    22  x
    """
    lines = [list(columns), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
