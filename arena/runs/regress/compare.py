"""Is a protection weaker than it was? The test, and what many cells together say.

Two things vary: what the thief does (over seeds), and which bits, triggers or points the owner
happened to draw (over keys). A cell is weaker only if it is beyond both:

- an exact permutation test of the mean strength over seeds (Fisher 1935; Pitman 1937);
- Fisher's exact test of the mean share of matches over the units of one key, where there are such.

The larger of the two p-values counts. Over cells, Holm's procedure keeps the probability of any
false alarm at the level, whatever the cells have to do with each other (Holm 1979).
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from typing import Literal

import numpy as np
import scipy  # its parts load when they are first used

from arena.runs.regress.cells import Cell
from arena.world.json_values import Frozen

LEVEL = 0.01
"""The probability of a false alarm over all cells together."""

MOST_SEEDS = 10
"""Beyond, the exact test has millions of cases."""

Status = Literal["held", "weaker", "stronger", "missing"]
_ROUNDING = 1e-9


class Compared(Frozen):
    """What became of a cell.

    Attributes:
        before: what the baseline holds; None where it has no such cell.
        now: what was measured; None where the baseline's cell was not measured.
        p_weaker, p_stronger: of the test in either direction. status: after Holm's procedure.
    """

    before: Cell | None
    now: Cell | None
    p_weaker: float = 1.0
    p_stronger: float = 1.0
    status: Status = "held"

    @property
    def name(self) -> str:
        """Return the thief's name."""
        cell = self.before or self.now
        return "" if cell is None else cell.thief.name


def permutation_p(before: Sequence[float], now: Sequence[float]) -> float:
    """Return the exact one-sided p-value of a mean now that is lower than before.

    >>> permutation_p([0.9, 0.8, 0.9, 0.8], [0.2, 0.1, 0.2, 0.1]) == 1 / 70
    True
    >>> permutation_p([0.5, 0.5], [0.5, 0.5])
    1.0
    """
    pooled = np.asarray([*before, *now], dtype=np.float64)
    chosen = np.asarray(list(itertools.combinations(range(len(pooled)), len(now))))
    sums = pooled[chosen].sum(1)
    return float((sums <= float(np.sum(now)) + _ROUNDING).mean())


def units_p(before: Cell, now: Cell) -> float:
    """Return Fisher's exact one-sided p-value of fewer matches now; 0 where there are no units."""
    if not before.units or not now.units:
        return 0.0
    rows = [
        [round(statistics.fmean(cell.strengths) * cell.units) for cell in (now, before)],
        [cell.units for cell in (now, before)],
    ]
    hits, sizes = np.asarray(rows)
    table = [[hits[0], sizes[0] - hits[0]], [hits[1], sizes[1] - hits[1]]]
    return float(scipy.stats.fisher_exact(table, alternative="less").pvalue)


def weaker_p(before: Cell, now: Cell) -> float:
    """Return the p-value of a cell that is weaker now: the larger of the two tests'."""
    return max(permutation_p(before.strengths, now.strengths), units_p(before, now))


def holm(p_values: Sequence[float], level: float) -> list[bool]:
    """Return which hypotheses are rejected at a family-wise level.

    >>> holm([0.001, 0.02, 0.004], 0.01)
    [True, False, True]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    rejected = [False] * len(p_values)
    for rank, i in enumerate(order):
        if p_values[i] > level / (len(order) - rank):
            break
        rejected[i] = True
    return rejected


def compare(
    before: Sequence[Cell], now: Sequence[Cell], level: float = LEVEL
) -> tuple[Compared, ...]:
    """Return what became of every cell; one that only one side has is missing."""
    measured = {cell.thief: cell for cell in now}
    known = {cell.thief: cell for cell in before}
    both = [(cell, measured[cell.thief]) for cell in before if cell.thief in measured]
    weaker = [weaker_p(old, new) for old, new in both]
    stronger = [weaker_p(new, old) for old, new in both]
    is_weaker, is_stronger = holm(weaker, level), holm(stronger, level)
    found = []
    for i, (old, new) in enumerate(both):
        status: Status = "weaker" if is_weaker[i] else "stronger" if is_stronger[i] else "held"
        found.append(
            Compared(before=old, now=new, p_weaker=weaker[i], p_stronger=stronger[i], status=status)
        )
    lost = [cell for cell in before if cell.thief not in measured]
    new_ones = [cell for cell in now if cell.thief not in known]
    found += [Compared(before=cell, now=None, status="missing") for cell in lost]
    found += [Compared(before=None, now=cell, status="missing") for cell in new_ones]
    return tuple(found)
