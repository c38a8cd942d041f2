"""What independent models show: the null that a suspect is compared with, at its own utility.

An innocent that is weaker than the victim, or differs in its training, is far from the victim and
from strong innocents alike: compared with strong innocents alone it can look like a copy. So a
p-value is computed among independent models that are as useful as the suspect, and where there are
none, there is no reference and nothing is said.

    reference = task.reference(task.nulls())                  # in `protect`; part of the key
    nulls = Nulls(values, reference.utilities, copies="low")  # of one statistic
    utility = reference.utility_of(suspect)                   # in `examine`; may raise NoReference
    p = nulls.p_value(statistic, utility)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from arena.game.court.statistics import null_p_value, null_threshold

ENOUGH = 6
"""Null models that tell their own spread: where a null is exact, fewer of them have no say."""
_FEWEST = 8  # independent models in a neighbourhood, where there are as many
_SHARE = 1 / 3  # of all independent models that make a neighbourhood


@dataclass(frozen=True)
class Nulls:
    """One statistic of independent models, beside their utility.

    Attributes:
        values: of each model.
        utilities: in [0, 1], of each model; none where they are not known.
        copies: whether copies have "low" or "high" values.
    """

    values: tuple[float, ...]
    utilities: tuple[float, ...]
    copies: Literal["low", "high"]

    def near(self, utility: float | None) -> tuple[float, ...]:
        """Return the values of the models that are nearest in utility; all where it is unknown."""
        if utility is None or not self.utilities:
            return self.values
        return tuple(self.values[i] for i in nearest(self.utilities, utility))

    def p_value(self, value: float, utility: float | None = None) -> float:
        """Return the p-value of a suspect's value among independent models as useful as it is."""
        return null_p_value(value, self.near(utility), high=self.copies == "high")

    def threshold(self, level: float, utility: float | None = None) -> float:
        """Return the value beyond which the p-value is at most `level`."""
        return null_threshold(self.near(utility), level, high=self.copies == "high")


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
