"""The pictures of a page: the arena's own figures as SVG, each with what it shows in words."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from matplotlib.figure import Figure

from arena.view.figures.drawings import leaderboard_figure, plane_figure, roc_figure
from arena.view.figures.plots import vector
from arena.view.results.headline import headline
from arena.view.results.report import Report

_MOST = 20  # players on a picture: more are in the tables alone


@dataclass(frozen=True)
class Picture:
    """A picture: its title, what it shows for whoever cannot see it, and its address of data."""

    title: str
    says: str
    source: str


def pictures(report: Report) -> dict[str, Picture]:
    """Return the pictures that a tournament has, by the section of the page they belong to."""
    return {name: picture for name, picture in _drawn(report) if picture is not None}


def _drawn(report: Report) -> Iterator[tuple[str, Picture | None]]:
    story = " ".join(headline(report)[:2])
    first = f": the first {_MOST}" if max(map(len, report.standings.values())) > _MOST else ""
    yield (
        "leaderboard",
        _picture(
            leaderboard_figure(report, _MOST),
            f"Leaderboards{first}",
            f"Bars of each player's worst case, Nash and mean pay-off, and ratings. {story} "
            "The tables below have the numbers.",
        ),
    )
    yield (
        "plane",
        _picture(
            plane_figure(report),
            "Gain against work",
            "A point for each thief at the work and the gain of its thefts, and the Pareto front. "
            "The table below has the numbers.",
        ),
    )
    yield (
        "roc",
        _picture(
            roc_figure(report, _MOST),
            f"How well each statistic tells copies from innocents{first}",
            "A receiver operating characteristic for each owner, its area in the title of its "
            "panel. The table below says how many copies are above all but 1 % of the innocents.",
        ),
    )


def _picture(figure: Figure | None, title: str, says: str) -> Picture | None:
    if figure is None:
        return None
    blob = base64.b64encode(vector(figure).encode()).decode()
    return Picture(title, says, f"data:image/svg+xml;base64,{blob}")
