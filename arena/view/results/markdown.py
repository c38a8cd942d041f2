"""The tables of a tournament in Markdown, for TensorBoard's text page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from arena.runs.standings.leaderboard import Standing
from arena.view.results.report import Report
from arena.view.results.tables import number

_SIDES = {"owner": "owners", "thief": "thieves"}
_FAILED = ("match", "round", "status", "message")


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; what cells say is text, whoever wrote it.

    >>> print(markdown(["a", "b"], [["1", "x|y <b>"]]))
    | a | b |
    | --- | --- |
    | 1 | x/y &lt;b&gt; |
    """
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(as_text, line))} |" for line in lines)


def as_text(said: str) -> str:
    r"""Return words so that they are one line of text in Markdown: no table, heading or HTML.

    >>> as_text("<img onerror=x>\n\n# Owned")
    '&lt;img onerror=x&gt; # Owned'
    """
    plain = " ".join(said.replace("|", "/").split())
    return plain.replace("<", "&lt;").replace(">", "&gt;")


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
