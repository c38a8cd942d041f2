"""How two metrics compare in what they show of copies and of innocents, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from arena.game.court.statistics import area_interval, area_under
from arena.world.rng import Rng

_DRAWS = 2000


def separation(copies: Sequence[float], innocents: Sequence[float]) -> float:
    """Return the area under the curve of a distance: how often a copy shows less than an innocent.

    NaN where there are none of a kind.
    """
    return area_under(innocents, copies) if len(copies) and len(innocents) else float("nan")


def gap(copies: Sequence[float], innocents: Sequence[float]) -> float:
    """Return the mean of the innocents less the mean of the copies."""
    return float(np.mean(innocents) - np.mean(copies))


Compared = Callable[[Sequence[float], Sequence[float]], float]
Pair = tuple[Sequence[float], Sequence[float]]


def difference_interval(
    of: Compared, first: Pair, second: Pair, rng: Rng
) -> tuple[float, float, float]:
    """Return the difference of a number of two metrics, and its 95 % bootstrap interval.

    Copies and innocents are drawn anew by themselves; where both metrics know as many of them, a
    draw takes the same models for both.
    """
    dice = rng.numpy()
    draws = []
    for _ in range(_DRAWS):
        order = [dice.random(max(len(first[side]), len(second[side]))) for side in (0, 1)]
        draws.append(of(*_drawn(first, order)) - of(*_drawn(second, order)))
    low, high = np.percentile(draws, [2.5, 97.5])
    found = of(*first) - of(*second)
    if low == high and of is separation:  # both areas are 0 or 1: the bootstrap has no spread
        return found, *_exact_difference(first, second)
    return found, float(low), float(high)


def _exact_difference(first: Pair, second: Pair) -> tuple[float, float]:
    """Return an interval for the difference of two areas from the intervals of each.

    Source: Newcombe, Statistics in Medicine 1998, method 10, for independent areas: too wide rather
    than too narrow where the same models are measured.
    """
    (a, a_low, a_high), (b, b_low, b_high) = (
        (area := separation(*pair), *area_interval(area, len(pair[1]), len(pair[0])))
        for pair in (first, second)
    )
    below = float(np.hypot(a - a_low, b_high - b))
    above = float(np.hypot(a_high - a, b - b_low))
    return a - b - below, a - b + above


def _drawn(pair: Pair, order: Sequence[np.ndarray]) -> Pair:
    sides = (
        np.asarray(side)[(u[: len(side)] * len(side)).astype(int)]
        for side, u in zip(pair, order, strict=True)
    )
    copies, innocents = sides
    return copies, innocents
