"""What thefts brought and what they cost: a point for each thief, and the front of the best."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from arena.game.match.rows import RoundRow
from arena.view.results.report import Report, mean


@dataclass(frozen=True)
class Price:
    """A thief on the plane of gain against price: means over owners and repeats.

    Attributes:
        thief: its name.
        gain: what it added to what it could have had alone, in [0, 1], caught or not.
        cost: its own training as a multiple of training the victim.
        queries: images that it asked.
        caught: the share of its matches in which it was caught.
        best: whether no other thief has as much gain for less, or more for as little.
    """

    thief: str
    gain: float
    cost: float
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
    front = best([(price.cost, price.gain) for price in found])
    return [
        Price(p.thief, p.gain, p.cost, p.queries, p.caught, i in front) for i, p in enumerate(found)
    ]


def _price(thief: str, rows: Iterable[RoundRow]) -> Price | None:
    scored = [row for row in rows if row.scored and row.pays]
    gain, cost = mean(row.gain for row in scored), mean(row.cost for row in scored)
    if math.isnan(gain) or math.isnan(cost):
        return None
    queries = mean(row.images_queried for row in scored)
    return Price(thief, gain, cost, queries, mean(float(bool(row.caught)) for row in scored))


def best(points: Sequence[tuple[float, float]]) -> set[int]:
    """Return the Pareto front of (price, gain): the points that no other one is better than.

    A point is better than another if it costs no more and brings no less, and not both alike.

    >>> sorted(best([(1.0, 0.5), (2.0, 0.9), (2.0, 0.4), (0.0, 0.1)]))
    [0, 1, 3]
    """
    return {
        i
        for i, (price, gain) in enumerate(points)
        if not any(
            other <= price and more >= gain and (other, more) != (price, gain)
            for other, more in points
        )
    }
