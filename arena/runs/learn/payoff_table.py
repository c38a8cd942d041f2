"""The thieves' pay-offs against the owners of a menu; a cell is played when it is asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from statistics import fmean

import numpy as np

from arena.game.match.rows import RoundRow
from arena.runs.bench.bench import Played
from arena.runs.bench.scores import false_positives
from arena.runs.learn.menu import Cell, meant, only
from arena.runs.scenario import Scenario
from arena.runs.standings.fitness import LEVEL, Bar, losses_of, unfitness
from arena.runs.standings.payoffs import Floats

Play = Callable[[Scenario], Played]
"""Plays the matches of a scenario that are not played yet, and returns what came of all of them."""


class PayoffTable:
    """What each thief took from each owner: the mean over repeats of its pay-off in [0, 1].

    A thief that cannot play an owner, or does not finish, takes nothing from it; a repeat with
    nothing to steal counts for nobody, unless all are such.

    Attributes:
        menu: whose players these are. owners, thieves: their titles, in order.
        unfit: owners that cannot win whatever they catch, and why: by `unfitness`, or they did not
            protect a single victim.
    """

    def __init__(self, menu: Scenario, play: Play) -> None:
        self.menu, self._play = menu, play
        self.owners = tuple(owner.title for owner in menu.owner)
        self.thieves = tuple(thief.name for thief in menu.thief)
        self.unfit: dict[str, str] = {}
        self._meant = meant(menu)
        self._payoffs: dict[Cell, float] = {}
        self._met: set[str] = set()  # owners whose fitness is known: it is the same in every match

    @property
    def fit(self) -> tuple[str, ...]:
        """Return the owners that may win, as far as is known."""
        return tuple(owner for owner in self.owners if owner not in self.unfit)

    @property
    def n_cells(self) -> tuple[int, int]:
        """Return how many cells are played, and how many there are."""
        return len(self._payoffs), len(self._meant)

    def values(self, owners: Sequence[str], thieves: Sequence[str]) -> Floats:
        """Return pay-offs, (n_owners, n_thieves); what is missing is played first."""
        self._fill({(owner, thief) for owner in owners for thief in thieves} & self._meant)
        rows = [[self._payoffs.get((owner, thief), 0.0) for thief in thieves] for owner in owners]
        return np.array(rows, dtype=np.float64).reshape(len(owners), len(thieves))

    def _fill(self, wanted: Collection[Cell]) -> None:
        missing = wanted - self._payoffs.keys()
        if not missing:
            return
        played = self._play(only(self.menu, missing))
        self._payoffs |= dict.fromkeys(missing, 0.0) | _payoffs(played.rounds)
        new = {owner for owner, _ in missing} - self._met
        self._met |= new
        self.unfit |= unfit(played, self.menu, new)

    def play_all_again(self) -> None:
        """Play every cell that was asked for as one tournament: nothing is computed twice."""
        self._play(only(self.menu, self._payoffs.keys()))


def _payoffs(rounds: Sequence[RoundRow]) -> dict[Cell, float]:
    """Return the mean pay-off of the last rounds of each cell; one that broke took nothing."""
    last = {row.match: row for row in rounds}
    found: dict[Cell, list[float]] = defaultdict(list)
    for row in last.values():
        taken = row.payoff if row.scored else 0.0
        if taken is not None:
            found[row.owner, row.thief].append(taken)
    return {cell: fmean(paid) for cell, paid in found.items()}


def unfit(played: Played, menu: Scenario, owners: Collection[str]) -> Mapping[str, str]:
    """Return which of these owners cannot win, and why.

    Args:
        played: matches of theirs, and their verdicts on innocents.
        menu: what they must keep to.
        owners: their titles.
    """
    bar, found = Bar(menu.max_loss, LEVEL, owes=menu.innocents.report), {}
    for owner in sorted(owners):
        rows = [row for row in played.rounds if row.owner == owner]
        verdicts = [row for row in played.innocents if row.owner == owner]
        reason = unfitness(rows, verdicts, false_positives(verdicts).low, bar)
        if not losses_of(rows) and not verdicts:
            reason = "protected no victim"
        if reason:
            found[owner] = reason
    return found
