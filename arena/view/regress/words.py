"""What became of a protection, in words."""

from __future__ import annotations

import math
import statistics

from arena.runs.regress.cells import Cell
from arena.runs.regress.compare import LEVEL, Compared

COLUMNS = ("thief", "before (95 %)", "now (95 %)", "p weaker", "status")
TEST = (
    "Weaker means: an exact one-sided permutation test of the mean over seeds rejects, with Holm's "
    f"procedure over thieves, at a family-wise level of {LEVEL:g}."
)


def value_of(cell: Cell | None) -> str:
    """Return a cell's statistic: its mean and interval over seeds."""
    if cell is None:
        return "-"
    low, high = cell.interval
    return f"{cell.statistic} {statistics.fmean(cell.values):.3f} ({low:.3f}-{high:.3f})"


def caught(cell: Cell) -> str:
    """Return how many of a cell's suspects were called copies."""
    return f"{cell.caught} of {len(cell.values)}"


def row_of(found: Compared) -> tuple[str, ...]:
    """Return a compared cell as text, in the order of `COLUMNS`."""
    p = "-" if found.now is None or found.before is None else f"{found.p_weaker:.2g}"
    before, now = value_of(found.before), value_of(found.now)
    return (found.name, before, now, p, found.status)


def sentence_of(found: Compared, command: str) -> str:
    """Return what became of a cell in sentences: what was, what is, the interval, what to do."""
    if found.before is None:
        return f"{found.name}: the baseline has no such cell. {command} --update adds it"
    if found.now is None:
        return f"{found.name}: the baseline has this cell, and nothing measured it now"
    return (
        f"{found.name}: was {value_of(found.before)}, is {value_of(found.now)} "
        f"(95 % intervals over {len(found.now.values)} seeds); p = {found.p_weaker:.2g} that it is "
        f"no weaker; caught {caught(found.now)} (before {caught(found.before)}). More: {command}"
    )


def saturated(cell: Cell) -> bool:
    """Say whether a cell is as strong as can be, so that only a large loss can show in it."""
    return all(math.isclose(strength, 1.0) for strength in cell.strengths)
