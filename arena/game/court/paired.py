"""Comparing two models on the same examples."""

from __future__ import annotations

import math

import scipy  # its parts load when they are first used


def paired_difference(
    lost: int, won: int, n: int, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return the difference of two shares of the same n examples, and its interval.

    Args:
        lost: examples that only the first gets right.
        won: examples that only the second gets right.
        n: examples in all, at least 1.
        confidence: of the interval.

    Source: Bonett and Price, Journal of Educational and Behavioral Statistics 2012: Wald's interval
    after one example was added to each kind of disagreement, so that it has a width at 0 too.

    >>> difference, low, high = paired_difference(0, 0, 216)
    >>> difference, round(low, 3), round(high, 3)
    (0.0, -0.013, 0.013)
    """
    first, second = (lost + 1) / (n + 2), (won + 1) / (n + 2)
    z = float(scipy.stats.norm.isf((1 - confidence) / 2))
    reach = z * math.sqrt((first + second - (first - second) ** 2) / (n + 2))
    middle = first - second
    return (lost - won) / n, max(-1.0, middle - reach), min(1.0, middle + reach)
