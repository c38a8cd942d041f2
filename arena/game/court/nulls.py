"""What independent models show: the null that a suspect is compared with, at its own utility.

An innocent that is weaker than the victim, or differs in its training, is far from the victim and
from strong innocents alike: compared with strong innocents alone it can look like a copy. So a
p-value is computed among independent models that are as useful as the suspect, and where there are
none, there is no reference and nothing is said. The few that are as useful lie close together at
times, and what is not rare among all is no proof either: the larger of the two p-values counts.
(The court, whose models are the referee's own and not many, compares with the nearest alone.)

    reference = task.reference(task.nulls())                  # in `protect`; part of the key
    nulls = Nulls(values, reference.utilities, Values("low"))  # of one statistic
    utility = reference.utility_of(suspect)                   # in `examine`; may raise NoReference
    p = nulls.p_value(statistic, utility)
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from arena.game.court.statistics import (
    count_p_value,
    null_p_value,
    null_threshold,
    rank_threshold,
)

ENOUGH = 6
"""Null models that tell their own spread: where a null is exact, fewer of them have no say."""
Side = Literal["low", "high"]
_FEWEST = 8  # independent models in a neighbourhood, where there are as many
_SHARE = 1 / 3  # of all independent models that make a neighbourhood
_ROUNDING = 1e-6  # distances of float32 answers below this cannot be told from 0


class NullTest(Protocol):
    """How rare a value is among those of null models."""

    @property
    def copies(self) -> Side:
        """On which side the values of copies lie."""

    def p_value(self, value: float, nulls: Sequence[float]) -> float:
        """Return the p-value of one more value."""

    def threshold(self, nulls: Sequence[float], level: float) -> float:
        """Return the value from which, on the copies' side, the p-value is at most `level`."""


@dataclass(frozen=True)
class Values:
    """A statistic that is about normal among independent models: Student's t."""

    copies: Side

    def p_value(self, value: float, nulls: Sequence[float]) -> float:
        """Return the p-value of one more value."""
        return null_p_value(value, nulls, high=self.copies == "high")

    def threshold(self, nulls: Sequence[float], level: float) -> float:
        """Return the value from which the p-value is at most `level`."""
        return null_threshold(nulls, level, high=self.copies == "high")


@dataclass(frozen=True)
class Distances:
    """A distance from the victim, 0 or more, or a likeness of 1 less it: Student's t of its log.

    Distances of independent models are skewed, and a copy's lies at 0, below all of them; on their
    own scale a single far model makes even 0 no rarity.
    """

    copies: Side = "low"

    def p_value(self, value: float, nulls: Sequence[float]) -> float:
        """Return the p-value of one more value."""
        return null_p_value(self._log(value), [self._log(null) for null in nulls], high=False)

    def threshold(self, nulls: Sequence[float], level: float) -> float:
        """Return the value from which the p-value is at most `level`."""
        at = math.exp(null_threshold([self._log(null) for null in nulls], level, high=False))
        if at < _ROUNDING:  # not even the victim's own
            return -math.inf if self.copies == "low" else math.inf
        at = min(at, -rank_threshold([-self._distance(null) for null in nulls], level))
        return at if self.copies == "low" else math.nextafter(1 - at, 2.0)

    def _log(self, value: float) -> float:
        return math.log(max(self._distance(value), _ROUNDING))

    def _distance(self, value: float) -> float:
        return value if self.copies == "low" else 1 - value


@dataclass(frozen=True)
class Rates:
    """A share of `n` answers: a count, whose spread among models no normal law describes.

    The larger of two p-values: the beta-binomial's, which decides near the usual levels, and
    Student's t, which decides far out, where a dozen models vouch for no law's tail.
    """

    copies: Side
    n: int

    def p_value(self, value: float, nulls: Sequence[float]) -> float:
        """Return the p-value of one more share."""
        return self._among(self._count(value), [self._count(null) for null in nulls])

    def threshold(self, nulls: Sequence[float], level: float) -> float:
        """Return the share from which the p-value is at most `level`; past 0 or 1 where none is."""
        if not self.n:
            return -math.inf if self.copies == "low" else math.inf
        counts = [self._count(null) for null in nulls]
        needed = bisect.bisect_left(
            range(self.n + 1), True, key=lambda k: self._among(k, counts) <= level
        )
        return needed / self.n if self.copies == "high" else (self.n - needed) / self.n

    def _among(self, count: int, nulls: Sequence[int]) -> float:
        p = count_p_value(count, self.n, nulls)
        return max(p, null_p_value(count, nulls, high=True)) if len(set(nulls)) > 1 else p

    def _count(self, value: float) -> int:
        return round(self.n * (value if self.copies == "high" else 1 - value))


@dataclass(frozen=True)
class Nulls:
    """One statistic of independent models, beside their utility.

    Attributes:
        values: of each model.
        utilities: in [0, 1], of each model; none where they are not known.
        test: how rare a value is among them.
    """

    values: tuple[float, ...]
    utilities: tuple[float, ...]
    test: NullTest

    def around(self, utility: float | None) -> list[int]:
        """Return which models are nearest in utility; all where it is unknown."""
        if utility is None or not self.utilities:
            return list(range(len(self.values)))
        return nearest(self.utilities, utility)

    def near(self, utility: float | None) -> tuple[float, ...]:
        """Return the values of the models that are nearest in utility; all where it is unknown."""
        return tuple(self.values[i] for i in self.around(utility))

    def p_value(self, value: float, utility: float | None = None) -> float:
        """Return the larger p-value of a suspect's value: among models as useful, and among all."""
        return max(self.test.p_value(value, nulls) for nulls in self._both(utility))

    def threshold(self, level: float, utility: float | None = None) -> float:
        """Return the value from which, on the copies' side, the p-value is at most `level`."""
        both = [self.test.threshold(nulls, level) for nulls in self._both(utility)]
        return min(both) if self.test.copies == "low" else max(both)

    def _both(self, utility: float | None) -> tuple[tuple[float, ...], ...]:
        return self.near(utility), self.values


def nearest(utilities: Sequence[float], utility: float) -> list[int]:
    """Return which models are nearest in utility: a third of them, at least eight; ties count in.

    `benchmarks/false_positives.py` compares it with a regression on utility.

    >>> nearest([0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.9, 0.95, 0.95, 0.98], 0.9)
    [2, 3, 4, 5, 6, 7, 8, 9]
    """
    gaps = np.abs(np.asarray(utilities, dtype=np.float64) - utility)
    n_near = min(len(gaps), max(_FEWEST, math.ceil(len(gaps) * _SHARE)))
    reach = np.sort(gaps)[n_near - 1] if n_near else 0.0
    return [int(i) for i in np.flatnonzero(gaps <= reach + 1e-9)]
