"""Who cannot win, whatever it catches: an owner that wrongs innocents or spoils its model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from arena.game.match.rows import InnocentRow, RoundRow

LEVEL = 0.01
"""At most so many innocents may be accused, whatever level a scheme gives itself."""


@dataclass(frozen=True)
class Bar:
    """What an owner must keep to.

    Attributes:
        max_loss: the utility in [0, 1] that protecting may cost.
        level: the share of innocents in [0, 1] that it may accuse.
        owes: whether it owes a verdict on an innocent under each key with which it judged.
        counts: what counts of the losses under all keys: their mean, or the worst.
    """

    max_loss: float
    level: float
    owes: bool
    counts: Callable[[Iterable[float]], float] = fmean


def unfitness(
    rows: Sequence[RoundRow], verdicts: Sequence[InnocentRow], accused: float, bar: Bar
) -> str:
    """Return why an owner cannot win, "" where it can.

    Args:
        rows: its rounds.
        verdicts: its verdicts on innocents.
        accused: the share of innocents in [0, 1] that it accuses at least.
        bar: what it must keep to.
    """
    said = []
    if verdicts and accused > bar.level:
        said.append(f"accuses {sum(row.caught for row in verdicts)} of {len(verdicts)} innocents")
    if bar.owes and not _judged(rows) <= {row.repeat for row in verdicts}:
        said.append("came to no verdict on an innocent")
    losses = losses_of(rows)
    if losses and bar.counts(losses) > bar.max_loss:
        said.append(f"costs {bar.counts(losses):.3f} of fidelity, above {bar.max_loss:g}")
    return " and ".join(said)


def _judged(rows: Sequence[RoundRow]) -> set[int]:
    """Return the repeats in which a match ended with a judgement."""
    finals = {row.match: row for row in rows}.values()
    return {row.repeat for row in finals if row.scored}


def losses_of(rows: Sequence[RoundRow]) -> list[float]:
    """Return the utility that protecting cost, one number a repeat: each has one protection."""
    first = {row.repeat: row.fidelity_loss for row in rows if row.scored}
    return [loss for loss in first.values() if loss is not None]
