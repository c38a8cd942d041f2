"""What thefts brought and at what price: a point for each thief, and the front of the best."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from arena.game.match.rows import RoundRow
from arena.view.results.report import Report, mean

HOW_TO_READ = (
    "Work is the thief's own training as a multiple of the victim's. On the Pareto front no other "
    "thief gains as much for less work, or more for as little; queries, and whether it was caught, "
    "are not part of it."
)


@dataclass(frozen=True)
class Price:
    """A thief on the plane of gain against work: means over owners and repeats.

    Attributes:
        thief: its name.
        gain: what it added to what it could have had alone, in [0, 1], caught or not.
        work: its own training as a multiple of training the victim.
        queries: images that it asked.
        caught: the share of its matches in which it was caught.
        best: whether it is on the Pareto front of gain and work.
    """

    thief: str
    gain: float
    work: float
    queries: float
    caught: float
    best: bool = False


def prices(report: Report) -> list[Price]:
    """Return the thieves that delivered a model where there was something to steal."""
    found = [
        price
        for thief in report.thieves
        if (price := _price(thief, (row for row in report.delivered if row.thief == thief)))
    ]
    front = best([(price.work, price.gain) for price in found])
    return [
        Price(p.thief, p.gain, p.work, p.queries, p.caught, i in front) for i, p in enumerate(found)
    ]


def _price(thief: str, rows: Iterable[RoundRow]) -> Price | None:
    scored = [row for row in rows if row.scored and row.pays]
    gain, work = mean(row.gain for row in scored), mean(row.cost for row in scored)
    if math.isnan(gain) or math.isnan(work):
        return None
    queries = mean(row.images_queried for row in scored)
    return Price(thief, gain, work, queries, mean(float(bool(row.caught)) for row in scored))


def best(points: Sequence[tuple[float, float]]) -> set[int]:
    """Return the Pareto front of (work, gain): the points that no other one is better than.

    A point is better than another if it takes no more and brings no less, and not both alike.

    >>> sorted(best([(1.0, 0.5), (2.0, 0.9), (2.0, 0.4), (0.0, 0.1)]))
    [0, 1, 3]
    """
    return {
        i
        for i, (work, gain) in enumerate(points)
        if not any(
            other <= work and more >= gain and (other, more) != (work, gain)
            for other, more in points
        )
    }
