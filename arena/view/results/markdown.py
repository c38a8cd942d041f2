"""The tables of a tournament in Markdown, for TensorBoard's text page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from arena.runs.standings.leaderboard import Standing
from arena.view.plain_output import visible
from arena.view.results.report import Report
from arena.view.results.tables import number

_SIDES = {"owner": "owners", "thief": "thieves"}
_MEANS = re.compile(
    r"[\\`*\[\]<>]|~(?=~)|(?<=~)~|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|:(?=//)|(?<=www)\.",
    re.IGNORECASE,
)
"""What means something in the middle of a line, in CommonMark, GitHub's or Python's Markdown."""
_BEGINS = re.compile(r"^(\d{1,9}(?=[.)](?: |$))|(?=#|[-+][ -]|\+$))(.)")
"""What means something at the beginning of one; a dash alone stands for nothing."""
_NAMED = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_FAILED = ("match", "round", "status", "message")


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; what cells say is text, whoever wrote it.

    >>> print(markdown(["a", "b"], [["1", "x|y <b>"]]))
    | a | b |
    | --- | --- |
    | 1 | x/y &lt;b&gt; |
    """
    head, *body = (f"| {' | '.join(map(as_text, line))} |" for line in (columns, *rows))
    return "\n".join([head, f"| {' | '.join(['---'] * len(columns))} |", *body])


def as_text(said: str) -> str:
    r"""Return words so that they are one line of text in Markdown, and nothing else.

    No table, heading, list, link, code, emphasis or HTML comes of them; controls are written out.

    >>> print(as_text("<img onerror=x>\n\n# [Owned](http://x) `x`"))
    &lt;img onerror=x&gt; # \[Owned\](http&#58;//x) \`x\`
    """
    plain = " ".join(visible(said).replace("|", "/").split())
    return _BEGINS.sub(r"\1\\\2", _MEANS.sub(lambda found: _escaped(found[0]), plain))


def _escaped(sign: str) -> str:
    """Return a sign for itself: with a backslash, or by number where a reader may know none."""
    return f"\\{sign}" if sign in "\\`*_[]" else _NAMED.get(sign, f"&#{ord(sign)};")


def summary_texts(report: Report) -> dict[str, str]:
    """Return the leaderboards, the false alarms and the failures, by tag."""
    found = {
        f"leaderboard/{_SIDES[side]}": _board(lines) for side, lines in report.standings.items()
    }
    owners = [
        (
            owner.owner,
            f"{owner.n_accused}/{owner.n_innocents}",
            number(owner.low),
            number(owner.high),
        )
        for owner in report.honesty
    ]
    found["false_alarms"] = markdown(("owner", "innocents accused", "low", "high"), owners)
    if report.failed:
        found["failed"] = markdown(
            _FAILED, [(row.match, str(row.round), row.status, row.message) for row in report.failed]
        )
    return found


def _board(lines: Iterable[Standing]) -> str:
    columns = ("player", "worst case", "Nash", "mean", "rating", "low", "high")
    rows = []
    for line in lines:
        figures = (line.worst, line.nash, line.mean, line.rating, *line.rating_interval)
        rows.append((line.name, *map(number, figures)))
    return markdown(columns, rows)
