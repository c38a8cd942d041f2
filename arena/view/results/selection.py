"""Which rounds of a tournament a person wants to see: filtered, sorted, in some columns."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from arena.errors import ArenaError, did_you_mean
from arena.game.match.rows import RoundRow
from arena.game.rules.figures import Figure, figures

_FIGURES = figures(RoundRow)
_NAMES = ("owner", "thief", "repeat", "round")  # which round it is


@dataclass(frozen=True)
class Wanted:
    """What to show of the rounds.

    Attributes:
        filters: COLUMN=VALUE each, all of which must hold; VALUE may have `*` and `?` in it.
        sort: a column, behind a minus for the largest first; None is the order of play.
        columns: their names; those that tell how a round ended where it is empty.
    """

    filters: tuple[str, ...] = ()
    sort: str | None = None
    columns: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        """Return whether nothing in particular is wanted."""
        return self == Wanted()


def select(rows: Iterable[RoundRow], wanted: Wanted) -> list[RoundRow]:
    """Return the rows that are wanted, in the order that is wanted; what is unknown comes last.

    Raises:
        ArenaError: no such column, or a filter that is no COLUMN=VALUE.
    """
    tests = [_test(text) for text in wanted.filters]
    chosen = [row for row in rows if all(test(row) for test in tests)]
    if wanted.sort is None:
        return chosen
    name = checked(wanted.sort.removeprefix("-"))
    known = [row for row in chosen if getattr(row, name) is not None]
    known.sort(key=lambda row: _key(getattr(row, name)), reverse=wanted.sort.startswith("-"))
    return known + [row for row in chosen if getattr(row, name) is None]


def columns(wanted: Wanted, *, all_of_them: bool = False) -> list[str]:
    """Return the names of the columns to show.

    Without a wish they are who played and how it ended: the figures by which whole matches are
    compared, and those of the verdict.

    Raises:
        ArenaError: there is no such column.
    """
    if wanted.columns:
        return [checked(name) for name in wanted.columns]
    if all_of_them:
        return list(_FIGURES)
    ends = [name for name, figure in _FIGURES.items() if figure.final or _of_verdict(figure)]
    asked = ((wanted.sort or "").removeprefix("-"), *(_column(text) for text in wanted.filters))
    first = [*_NAMES, "status", *(name for name in asked if name)]
    return list(dict.fromkeys([*first, *ends]))


def checked(name: str) -> str:
    """Return the name of a column.

    Raises:
        ArenaError: there is none of that name.
    """
    if name not in _FIGURES:
        raise ArenaError(f"expected a column, found {name!r}{did_you_mean(name, _FIGURES)}")
    return name


def text_of(row: RoundRow, name: str) -> str:
    """Return a value of a row as it is printed, a dash where there is none."""
    value = getattr(row, name)
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:{_FIGURES[name].form}}"
    return str(dict(value) if isinstance(value, Mapping) else value)


def plain(row: RoundRow, names: Sequence[str]) -> list[object]:
    """Return the values of a row, for a program to read."""
    return [getattr(row, name) for name in names]


def _of_verdict(figure: Figure) -> bool:
    return figure.tag.startswith("owner/")


def _column(text: str) -> str:
    """Return the column of a filter."""
    return text.partition("=")[0].strip()


def _test(text: str) -> Callable[[RoundRow], bool]:
    name, sign, value = text.partition("=")
    if not sign:
        raise ArenaError(f"expected a filter COLUMN=VALUE, as in owner=uchida, found {text!r}")
    name = checked(name.strip())
    pattern = value.strip().lower()

    def holds(row: RoundRow) -> bool:
        found = getattr(row, name)
        said = {str(found).lower(), text_of(row, name).lower()}
        return any(fnmatch.fnmatchcase(each, pattern) for each in said)

    return holds


def _key(value: object) -> tuple[float, str]:
    """Return what a value is sorted by: numbers by size, texts by letter."""
    if isinstance(value, int | float):
        return (float(value), "")
    return (0.0, str(value))
