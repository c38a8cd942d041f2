"""Attempts: what one thief of a suite reached against one victim, once, as its ledger row says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from arena.game.match.rows import RoundRow
from arena.runs.bench.plan import Part
from arena.runs.bench.suite import Suite

UNPLAYED = frozenset({"ERROR", "TIMEOUT", "MEMORY"})
"""Statuses of matches that show nothing of either side: what ran did not end."""


@dataclass(frozen=True)
class Attempt:
    """The last round of a thief against a victim."""

    part: Part
    row: RoundRow

    @property
    def victim(self) -> int:
        """Return which victim it was."""
        return self.row.repeat

    @property
    def cell(self) -> tuple[int, int]:
        """Return the victim and the seed."""
        return self.victim, self.part.number

    @property
    def is_judged(self) -> bool:
        """Return whether the round has a score."""
        return self.row.scored

    @property
    def is_open(self) -> bool:
        """Return whether nothing is known of it, because something broke."""
        return self.row.status in UNPLAYED

    @property
    def is_claim(self) -> bool:
        """Return whether it went to court."""
        return self.row.winner is not None

    @property
    def is_void(self) -> bool:
        """Return whether there was nothing to steal, so that it counts for nobody."""
        return self.is_judged and self.row.payoff is None

    def taken(self, suite: Suite) -> float:
        """Return what the thief took in [0, 1] at a price that counts.

        Of a thief that evades its gain, of one that claims 1 where it won; nothing where it is
        caught, where it worked more than the suite's price, or where there was nothing to steal.
        """
        affordable = (self.row.cost or 0.0) <= suite.price
        return self.row.payoff or 0.0 if self.is_judged and affordable else 0.0

    def wins(self, suite: Suite) -> bool:
        """Return whether that is a theft that counts."""
        return self.taken(suite) >= suite.gain


def attempts_of(parts: Iterable[Part], rows: Iterable[RoundRow]) -> tuple[Attempt, ...]:
    """Return the last round of every match, in the order of the rows.

    Args:
        parts: who played.
        rows: of the ledger, of each match in the order of its rounds.
    """
    by_name: Mapping[str, Part] = {part.name: part for part in parts}
    last = {row.match: row for row in rows if row.thief in by_name}
    return tuple(Attempt(by_name[row.thief], row) for row in last.values())


def by_victim(attempts: Sequence[Attempt]) -> dict[int, list[Attempt]]:
    """Return the attempts on each victim."""
    found: dict[int, list[Attempt]] = {}
    for attempt in attempts:
        found.setdefault(attempt.victim, []).append(attempt)
    return found
