"""Rounds as tables for people and for programs: terminal, CSV, Markdown, LaTeX."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from arena.errors import ArenaError, did_you_mean
from arena.game.match.rows import RoundRow
from arena.view.plain_table import PlainTable
from arena.view.results.markdown import markdown
from arena.view.results.selection import plain, text_of

FORMATS = ("table", "json", "csv", "latex", "markdown")
_BETWEEN = 3  # characters between two columns of a printed table
_LATEX = str.maketrans({c: f"\\{c}" for c in "&%$#_{}"} | {"~": r"\textasciitilde{}"})


def one_form(form: str | None, *, as_json: bool) -> str:
    """Return the one format that is asked for: by its name, or as JSON.

    Raises:
        ArenaError: there is no such format, or each asks for another.

    >>> one_form(None, as_json=False), one_form(None, as_json=True)
    ('table', 'json')
    """
    if form is not None and form not in FORMATS:
        raise ArenaError(f"expected a format, found {form!r}{did_you_mean(form, FORMATS)}")
    if as_json and form not in (None, "json"):
        raise ArenaError(f"expected one format, found json and {form}; leave one out")
    return "json" if as_json else form or "table"


def as_csv(rows: Sequence[RoundRow], names: Sequence[str]) -> str:
    """Return rows as CSV, numbers as they are; what is no plain value is written as JSON."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(value) for value in plain(row, names)])
    return out.getvalue().rstrip("\n")


def _cell(value: object) -> object:
    if isinstance(value, Mapping):
        return json.dumps(dict(value))
    return json.dumps(list(value)) if isinstance(value, tuple) else value


def as_markdown(rows: Sequence[RoundRow], names: Sequence[str]) -> str:
    """Return rows as a table in Markdown."""
    return markdown(names, _texts(rows, names))


def as_latex(rows: Sequence[RoundRow], names: Sequence[str]) -> str:
    """Return rows as a LaTeX table of the package booktabs, texts left and numbers right."""
    form = "".join("r" if _has_numbers(rows, name) else "l" for name in names)
    lines = [" & ".join(cell.translate(_LATEX) for cell in cells) for cells in _texts(rows, names)]
    head = " & ".join(name.translate(_LATEX) for name in names)
    body = "".join(f"{line} \\\\\n" for line in lines)
    return (
        f"\\begin{{tabular}}{{{form}}}\n\\toprule\n{head} \\\\\n\\midrule\n{body}\\bottomrule\n"
        "\\end{tabular}"
    )


WRITERS: Mapping[str, Callable[[Sequence[RoundRow], Sequence[str]], str]] = MappingProxyType(
    {"csv": as_csv, "latex": as_latex, "markdown": as_markdown}
)
"""What writes rows and the names of their columns in each format of text."""


def fitting(
    rows: Sequence[RoundRow], names: Sequence[str], width: int
) -> tuple[PlainTable, list[str]]:
    """Return a table of the first columns that fit a width, and the names of the others.

    A column that is the same dash in all rows is left out unless it is all that there is.
    """
    texts = {name: [text_of(row, name) for row in rows] for name in names}
    known = [name for name in names if any(text != "-" for text in texts[name])] or list(names)
    shown: list[str] = []
    used = 1
    for name in known:
        used += max(len(text) for text in (name, *texts[name])) + _BETWEEN
        if shown and used > width:
            break
        shown.append(name)
    words = [name for name in shown if not _has_numbers(rows, name)]
    table = PlainTable(shown, zip(*(texts[name] for name in shown), strict=True), words)
    return table, [name for name in known if name not in shown]


def _texts(rows: Sequence[RoundRow], names: Sequence[str]) -> list[list[str]]:
    return [[text_of(row, name) for name in names] for row in rows]


def _has_numbers(rows: Sequence[RoundRow], name: str) -> bool:
    return any(type(getattr(row, name)) in (int, float) for row in rows)
