"""What the page says of a tournament, ready for its template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arena.runs.standings.leaderboard import Side
from arena.view.page.evidence import as_text, evidence
from arena.view.page.methods import Method, methods
from arena.view.page.pictures import Picture, pictures
from arena.view.page.replay import command, parts, whole_scenario
from arena.view.results.headline import headline
from arena.view.results.prices import Price, prices
from arena.view.results.report import Report

_SIDES: dict[Side, str] = {"owner": "Owners", "thief": "Thieves"}


@dataclass(frozen=True)
class Contents:
    """A tournament on the page.

    Attributes:
        key: its prefix of element ids. report, folder: what it is read from.
        story: the sentences on who won. sides: titles of the leaderboards.
        has_intervals: whether any pay-off on them has an interval over repeats.
        prices: what thefts brought, and at what price. pictures: by section. methods: by side.
        scenario, command: what plays it again. data: JSON for the script.
    """

    key: str
    report: Report
    folder: str
    story: Sequence[str]
    sides: dict[Side, str]
    has_intervals: bool
    prices: Sequence[Price]
    pictures: dict[str, Picture]
    methods: dict[str, list[Method]]
    scenario: str
    command: str
    data: str


def contents_of(report: Report, folder: Path, key: str) -> Contents:
    """Return what the page says of a tournament; `key` is the prefix of its element ids."""
    known = {**evidence(report), "key": key, "folder": folder.name, "replay": parts(report)}
    return Contents(
        key=key,
        report=report,
        folder=folder.name,
        story=headline(report),
        sides=_SIDES,
        has_intervals=_has_intervals(report),
        prices=sorted(prices(report), key=lambda price: (-price.gain, price.work)),
        pictures=pictures(report),
        methods=methods(report),
        scenario=whole_scenario(report),
        command=command(report),
        data=as_text(known),
    )


def _has_intervals(report: Report) -> bool:
    lines = (line for board in report.standings.values() for line in board)
    spans = ((line.worst_interval, line.nash_interval, line.mean_interval) for line in lines)
    return any(low != high for three in spans for low, high in three)
