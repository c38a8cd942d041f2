"""Tables for a terminal of any width: figures are never cut, words are folded, nothing is lost."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from arena.view.plain_output import visible

_BETWEEN = 3  # characters between two columns
_READABLE = 16  # characters at least for a column of sentences


class PlainTable:
    """A table whose first column is names and whose others are numbers or words.

    A place that is too narrow for it gets it in parts, each with the names and the columns that
    fit; only where the names and one column do not fit is every cell folded.

    Args:
        columns: their heads, all different; a line break keeps one narrow.
        rows: a cell for each column.
        words: the columns of words: these stand left, and are folded before anything else.
    """

    def __init__(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[str | Text]] = (),
        words: Collection[str] = (),
    ) -> None:
        self._heads, self._words = [*map(visible, columns)], frozenset(map(visible, words))
        self._rows: list[list[Text]] = []
        for row in rows:
            self.add_row(*row)

    def add_row(self, *cells: str | Text) -> None:
        """Add a row at the end."""
        self._rows.append(
            [cell if isinstance(cell, Text) else Text(visible(cell)) for cell in cells]
        )

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table, or its parts, for as many characters as there are."""
        for columns in self._parts(options.max_width):
            yield self._drawn(columns, folded=self._width(columns) > options.max_width)

    def _parts(self, room: int) -> list[list[int]]:
        """Return the columns of each part by number, the first in every one; parts are even."""
        parts = list(self._filled(room))
        for narrower in range(room - 1, 0, -1):
            more = list(self._filled(narrower))
            if len(more) > len(parts):
                break
            parts = more
        return parts

    def _filled(self, room: int) -> Iterator[list[int]]:
        """Yield the columns of each part where each takes as many as there is room for."""
        part = [0]
        for column in range(1, len(self._heads)):
            if len(part) > 1 and self._width([*part, column]) > room:
                yield part
                part = [0]
            part.append(column)
        yield part

    def _width(self, columns: Sequence[int]) -> int:
        """Return the characters that some columns take at least."""
        return sum(self._least(column) + _BETWEEN for column in columns) - 1

    def _least(self, column: int) -> int:
        """Return the characters of the longest line; of words, those of the longest word."""
        said = [self._heads[column], *(row[column].plain for row in self._rows)]
        longest = _longest(line for text in said for line in text.splitlines())
        if self._heads[column] not in self._words:
            return longest
        return min(
            longest, max(_READABLE, _longest(word for text in said for word in text.split()))
        )

    def _drawn(self, columns: Sequence[int], *, folded: bool) -> Table:
        table = Table(box=box.SIMPLE_HEAD, header_style="cyan", pad_edge=False)
        for column in columns:
            head = self._heads[column]
            left = column == 0 or head in self._words
            table.add_column(
                head,
                justify="left" if left else "right",
                overflow="fold",
                no_wrap=not folded and head not in self._words,
            )
        for row in self._rows:
            table.add_row(*(row[column] for column in columns))
        return table


def _longest(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts), default=0)


def titled(title: str, *tables: RenderableType) -> Group:
    """Return tables under a title, which may be wider than they are."""
    return Group(Text(title, style="bold"), *tables)
