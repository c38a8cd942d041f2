"""Which figures a tournament has: from its report to the plots of `figures`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from arena.game.court.statistics import area_under
from arena.game.match.rows import RoundRow
from arena.game.rules.figures import figures
from arena.runs.standings.leaderboard import Side, Standing
from arena.view.figures import heat_map as maps
from arena.view.figures import plots
from arena.view.figures.heat_map import Look
from arena.view.figures.match_bars import match_bars
from arena.view.figures.plane import plane
from arena.view.figures.plots import Bars, MatchCurves, Roc, Score
from arena.view.results.prices import prices
from arena.view.results.report import Cells, Report, mean

_SPOKES = 3, 40  # fewer make no radar chart, more none that can be read
_MOST = 20  # players on a picture that has a place for each


def _ending(row: RoundRow) -> str:
    """Return in words how a match ended."""
    if row.winner is not None:
        return "the claim is won" if row.winner == "claimant" else "the claim is lost"
    if row.caught is None:
        return row.status.lower()
    return "caught" if row.caught else "not caught"


def match_figure(rows: Sequence[RoundRow]) -> Figure:
    """Return the curves of one match, from its rounds; bars where only one of them has a score."""
    played = [row for row in rows if row.scored] or list(rows)
    match = MatchCurves(
        title=rows[0].match,
        rounds=[row.round for row in played],
        moves=[row.move for row in played],
        series={
            figure.says: [_number(getattr(row, name)) for row in played]
            for name, figure in figures(RoundRow).items()
            if figure.curve
        },
        victim_utility=mean(row.victim_utility for row in played),
        ending=_ending(played[-1]),
        stolen=played[-1].winner == "claimant" or played[-1].caught is False,
    )
    return match_bars(match) if len(played) == 1 else plots.match_curves(match)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


SUMMARIES = ("payoff", "rescaled", "utility", "plane", "leaderboard", "roc")
"""Names of figures of a whole tournament, but those of one owner each (`radar/OWNER`)."""


def summary_figures(report: Report) -> dict[str, Figure]:
    """Return the figures of a whole tournament that have anything to show, by name."""
    found = {"payoff": _heat_map(report.payoffs, maps.PAYOFF)}
    for name, table, look in (
        ("rescaled", report.rescaled, maps.RESCALED),
        ("utility", report.utilities, maps.utility_look(report.metric)),
    ):
        if not np.isnan(table.values).all():
            found[name] = _heat_map(table, look)
    whole = {
        "plane": plane_figure(report),
        "leaderboard": leaderboard_figure(report, _MOST),
        "roc": roc_figure(report, _MOST),
    }
    found |= {name: figure for name, figure in whole.items() if figure is not None}
    for owner in _best(report, _MOST):
        spokes = _spokes(report, owner)
        if _SPOKES[0] <= len(spokes) <= _SPOKES[1]:
            found[f"radar/{owner}"] = plots.radar(owner, list(spokes), list(spokes.values()))
    return found


def plane_figure(report: Report) -> Figure | None:
    """Return gain against work; None where nothing was delivered."""
    points = prices(report)
    return plane(points) if points else None


def leaderboard_figure(report: Report, most: int | None = None) -> Figure | None:
    """Return the leaderboards, at most so long, as bars; None where no match has a score."""
    boards = [_bars(side, lines, most) for side, lines in report.standings.items() if lines]
    return plots.leaderboard_bars(boards) if boards else None


def roc_figure(report: Report, most: int | None = None) -> Figure | None:
    """Return the characteristics of owners that met copies and innocents; None without any.

    They are in the order of the scenario; where more than `most` owners play, the best `most`.
    """
    curves = [curve for owner in _best(report, most) if (curve := owner_roc(report, owner))]
    return plots.roc_curves(curves) if curves else None


def _best(report: Report, most: int | None) -> list[str]:
    """Return the best owners, at most so many, in the order of the scenario."""
    best = {owner.owner for owner in report.honesty[:most]}
    return [owner for owner in report.owners if owner in best]


def _heat_map(table: Cells, look: Look) -> Figure:
    return maps.heat_map(table.owners, table.thieves, table.values, table.words, look)


def _bars(side: Side, every: Sequence[Standing], most: int | None) -> Bars:
    lines = every[:most]
    first = f", the first {len(lines)} of {len(every)}" if len(lines) < len(every) else ""
    return Bars(
        title={"owner": "Owners", "thief": "Thieves"}[side] + first,
        players=[line.name for line in lines],
        shares={
            "worst case": [Score(line.worst, *line.worst_interval) for line in lines],
            "Nash": [Score(line.nash, *line.nash_interval) for line in lines],
            "mean": [Score(line.mean, *line.mean_interval) for line in lines],
        },
        rating=[Score(line.rating, *line.rating_interval) for line in lines],
    )


def _spokes(report: Report, owner: str) -> Mapping[str, float]:
    """Return an owner's rescaled statistic against each thief that delivers a model, no claim."""
    values = report.rescaled.values[report.owners.index(owner)].tolist()
    spokes = zip(report.thieves, values, strict=True)
    return {thief: value for thief, value in spokes if not math.isnan(value)}


def owner_roc(report: Report, owner: str) -> Roc | None:
    """Return how an owner's statistic tells copies from innocents; None where one kind is missing.

    Copies are delivered models that kept at least 0.9 of the victim's usefulness.
    """
    copies = report.copies_of(owner)
    innocents = [
        row.rescaled for row in report.innocents if row.owner == owner and row.rescaled is not None
    ]
    return roc(owner, copies, innocents) if copies and innocents else None


def roc(owner: str, copies: Sequence[float], innocents: Sequence[float]) -> Roc:
    """Return the curve over all thresholds; equal values of both kinds make a slanted piece.

    >>> roc("owner", [0.9, 0.8], [0.1, 0.9]).area
    0.625
    """
    thresholds = sorted({*copies, *innocents}, reverse=True)
    above, found = np.asarray(innocents), np.asarray(copies)
    false = [0.0, *(float((above >= t).mean()) for t in thresholds)]
    true = [0.0, *(float((found >= t).mean()) for t in thresholds)]
    return Roc(owner, false, true, area_under(copies, innocents), len(copies), len(innocents))
