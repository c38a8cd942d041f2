"""Is a protection weaker than it was? The test, and what many thieves together say.

A cell is compared by an exact one-sided permutation test of its mean strength over seeds (Fisher
1935; Pitman 1937). Over cells, Holm's procedure keeps the probability of any false alarm at the
level, whatever the cells have to do with each other (Holm 1979).

What the seeds draw again is what the statement is about: the thief's moves. A model is compared as
it is: one bit fewer after every attack is weaker.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from arena.errors import BaselineError
from arena.game.court.statistics import holm
from arena.runs.regress.cells import Cell
from arena.world.json_values import Frozen

LEVEL = 0.001
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
    sums = pooled[_choices(len(pooled), len(now))].sum(1)
    return float((sums <= float(np.sum(now)) + _ROUNDING).mean())


@functools.lru_cache(maxsize=4)
def _choices(n: int, k: int) -> npt.NDArray[np.int64]:
    """Return every way to choose k of n, a row each."""
    return np.asarray(list(itertools.combinations(range(n), k)), dtype=np.int64)


def check_power(n_seeds: int, n_cells: int, level: float = LEVEL) -> None:
    """Refuse so few seeds that no difference, however large, could be told.

    The smallest p-value of n against n seeds is one in C(2 n, n), and Holm's first bound is the
    level divided by the number of cells.

    Raises:
        BaselineError: too few seeds, or more than the test can take.

    >>> check_power(8, 12)
    """
    least = next(n for n in itertools.count(2) if math.comb(2 * n, n) * level >= n_cells)
    if not least <= n_seeds <= MOST_SEEDS:
        raise BaselineError(
            f"expected {least} to {MOST_SEEDS} seeds (thieves: {n_cells}), found {n_seeds}: fewer "
            f"cannot show a difference at level {level:g}; choose as many, or fewer thieves"
        )


def weaker_p(before: Cell, now: Cell) -> float:
    """Return the p-value of a cell that is weaker now."""
    return permutation_p(before.strengths, now.strengths)


def compare(
    before: Sequence[Cell], now: Sequence[Cell], level: float = LEVEL
) -> tuple[Compared, ...]:
    """Return what became of every cell; one that only one side has is missing."""
    measured = {cell.thief.digest: cell for cell in now}
    known = {cell.thief.digest for cell in before}
    both = [(cell, measured[cell.thief.digest]) for cell in before if cell.thief.digest in measured]
    weaker = [weaker_p(old, new) for old, new in both]
    stronger = [weaker_p(new, old) for old, new in both]
    is_weaker, is_stronger = ([p <= level for p in holm(one)] for one in (weaker, stronger))
    found = []
    for i, (old, new) in enumerate(both):
        status: Status = "weaker" if is_weaker[i] else "stronger" if is_stronger[i] else "held"
        found.append(
            Compared(before=old, now=new, p_weaker=weaker[i], p_stronger=stronger[i], status=status)
        )
    lost = [cell for cell in before if cell.thief.digest not in measured]
    new_ones = [cell for cell in now if cell.thief.digest not in known]
    found += [Compared(before=cell, now=None, status="missing") for cell in lost]
    found += [Compared(before=None, now=cell, status="missing") for cell in new_ones]
    return tuple(found)
