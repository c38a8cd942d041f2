"""Everything about one match: a column for each round, a line for each figure that is known."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from arena.errors import ArenaError, did_you_mean
from arena.game.match.rows import RoundRow
from arena.game.rules.figures import Figure, figures
from arena.game.rules.threat import ThreatModel
from arena.view.plain_table import PlainTable
from arena.view.results.report import Report

_FIGURES = figures(RoundRow)


def rounds_of(report: Report, title: str) -> list[RoundRow]:
    """Return the rounds of a match.

    Raises:
        ArenaError: none of that name was played.
    """
    if title not in report.matches:
        hint = did_you_mean(title, report.matches) if len(report.matches) < 100 else ""
        hint = hint or "; `arena show DIR --format csv --columns match` lists them"
        raise ArenaError(f"expected a match that was played, found {title!r}{hint}")
    return report.matches[title]


def match_page(rows: Sequence[RoundRow]) -> Group:
    """Return what is printed of a match."""
    first = rows[0]
    head = Text(
        f"{first.match}: thief {first.thief} against owner {first.owner} ({first.scheme}), "
        f"repeat {first.repeat}, seed {first.seed}",
        style="bold",
    )
    parts: list[RenderableType] = [head, Text(f"granted: {_granted(first)}"), _figures(rows)]
    parts += [Text(line) for line in _sentences(rows)]
    return Group(*parts)


def _figures(rows: Sequence[RoundRow]) -> PlainTable:
    table = PlainTable(["", *(f"round {row.round}" for row in rows)], words=("",))
    table.add_row("move", *map(_move, rows))
    table.add_row("status", *(row.status for row in rows))
    for name, figure in _FIGURES.items():
        values = [getattr(row, name) for row in rows]
        if figure.says and any(value is not None for value in values):
            cells = ["-" if value is None else f"{value:{figure.form}}" for value in values]
            table.add_row(_label(figure), *_worded(values, cells))
    return table


def _label(figure: Figure) -> str:
    """Return what a figure is, and its unit where the words do not say it."""
    return f"{figure.says}, {figure.unit}" if figure.unit == "s" else figure.says


def _granted(row: RoundRow) -> str:
    """Return what the thief was granted beyond what every thief has."""
    grants = ThreatModel.model_validate(row.threat).model_dump(mode="json", exclude_defaults=True)
    return "; ".join(f"{key} = {json.dumps(value)}" for key, value in grants.items()) or "nothing"


def _worded(values: Sequence[object], cells: Sequence[str]) -> list[str]:
    """Return the cells, a yes or a no where a figure says whether something is so."""
    words = {True: "yes", False: "no"}
    pairs = zip(values, cells, strict=True)
    return [words[value] if isinstance(value, bool) else cell for value, cell in pairs]


def _move(row: RoundRow) -> str:
    return row.move if row.strength is None else f"{row.move} ({row.strength:g})"


def _sentences(rows: Sequence[RoundRow]) -> Iterator[str]:
    """Yield what was said in each round: the verdict's reason, the ruling, or why it failed."""
    for row in rows:
        for said in (row.message, row.reason):
            if said:
                yield f"round {row.round}: {said}"
        if row.winner is not None:
            reasons = "; ".join(row.reasons)
            yield f"round {row.round}: the dispute ends for the {row.winner}: {reasons}"
