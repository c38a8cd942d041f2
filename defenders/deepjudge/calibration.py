"""What innocents show in one metric: the bound, the threshold, the p-value of one more model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # its parts load when they are first used

from arena.game.court.nulls import Nulls, Rates, Values
from arena.game.court.statistics import rank_p_value


def lower_bound(nulls: Sequence[float], confidence: float = 0.99) -> float:
    """Return the one-sided lower confidence bound of the mean: mean - t * s / sqrt(n).

    Source: Chen et al., S&P 2022. NaN for fewer than two values, which bound nothing.

    >>> round(lower_bound([0.9, 1.0, 0.8, 0.9, 0.9]), 4)
    0.7815
    """
    if len(nulls) < 2:
        return math.nan
    sample = np.asarray(nulls, dtype=np.float64)
    t = scipy.stats.t.ppf(confidence, len(sample) - 1)
    return float(sample.mean() - t * sample.std(ddof=1) / math.sqrt(len(sample)))


@dataclass(frozen=True)
class Calibration:
    """What the innocents show in one metric, and how it votes.

    Attributes:
        metric: its name.
        nulls: the distances of the calibration innocents.
        alpha: the share of the bound at which it votes.
        n_tests: of RobD, the number of tests: its distances are counts out of so many.
        utilities: of the innocents, in [0, 1]; none where they are not known.
        alike: the distances of those that were trained as the victim was: the paper's rule, which
            knows no others, rests on them. None of them: on all.
    """

    metric: str
    nulls: tuple[float, ...]
    alpha: float
    n_tests: int
    utilities: tuple[float, ...] = ()
    alike: tuple[float, ...] = ()

    @property
    def tells(self) -> bool:
        """Whether anything can be said: at least two innocents, and not all at one distance.

        RobD may be the same for all, since the number of tests bounds its precision.
        """
        if len(self.nulls) < 2:
            return False
        return self.mean > 0 if self.metric == "RobD" else max(self.nulls) > min(self.nulls)

    @property
    def mean(self) -> float:
        """The innocents' mean distance."""
        return sum(self._ruling) / len(self._ruling)

    @property
    def _ruling(self) -> tuple[float, ...]:
        return self.alike if len(self.alike) > 1 else self.nulls

    @property
    def bound(self) -> float:
        """The lower bound LB of the innocents' mean."""
        return lower_bound(self._ruling)

    @property
    def tau(self) -> float:
        """The threshold alpha * LB; never below 0, the distance of the victim itself."""
        return max(0.0, self.alpha * self.bound)

    @property
    def known(self) -> Nulls:
        """The innocents' distances, and how rare another is among them.

        RobD is a share of tests and may have no spread among few innocents, so the counting error
        of the tests is weighed in.
        """
        test = Rates("low", self.n_tests) if self.metric == "RobD" else Values("low")
        return Nulls(self.nulls, self.utilities, test)

    def p_value(self, value: float, utility: float | None = None) -> float:
        """Return the probability of a distance as small for one more innocent."""
        return self.known.p_value(value, utility)

    def rank_p_value(self, value: float, utility: float | None = None) -> float:
        """Return the rank of a distance among those of innocents as useful as a p-value."""
        return rank_p_value(value, self.known.near(utility), high=False)

    def critical(self, level: float, utility: float | None = None) -> float:
        """Return the largest distance with a p-value of at most `level`; below 0 if none has."""
        return self.known.threshold(level, utility)
