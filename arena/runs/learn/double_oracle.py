"""Double oracle: both sides add best responses to a game until neither gains by another.

Source: McMahan, Gordon, Blum, "Planning in the presence of cost functions controlled by an
adversary", ICML 2003; with empirical pay-offs it is PSRO with Nash as its meta-solver (Lanctot et
al., "A unified game-theoretic approach to multiagent reinforcement learning", NeurIPS 2017). What
both sides together could gain by a best response is that paper's NashConv: the exploitability here.
Restricted games are solved by linear programming (`arena.runs.standings.nash`). The best responses
are exact over the menu: every owner is played against each thief of the mixture, and every thief
against each owner of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from arena.errors import ScenarioError
from arena.runs.learn.payoff_table import PayoffTable
from arena.runs.standings.nash import SHARE, equilibrium
from arena.runs.standings.payoffs import Floats
from arena.world.json_values import Frozen

FINEST = 1e-3
"""The least epsilon: pay-offs are compared to four decimals when games are solved."""


class Iteration(Frozen):
    """One restricted game.

    Attributes:
        owners, thieves: the equilibrium mixtures, without players that have no mass.
        value: the thieves' pay-off in it.
        owner_gain, thief_gain: what a side would win by its best response over the whole menu.
        added: the best responses that join the game.
        n_played: cells of the table that were played so far.
    """

    owners: dict[str, float]
    thieves: dict[str, float]
    value: float
    owner_gain: float
    thief_gain: float
    added: tuple[str, ...]
    n_played: int

    @property
    def exploitability(self) -> float:
        """Return what both sides together could gain."""
        return self.owner_gain + self.thief_gain


@dataclass
class DoubleOracle:
    """The double oracle over a table of pay-offs.

    Attributes:
        table: plays what is asked for. epsilon: a side that gains no more than this is content.
    """

    table: PayoffTable
    epsilon: float = 0.01

    def __post_init__(self) -> None:
        if not FINEST <= self.epsilon <= 1:
            raise ScenarioError(
                [f"expected an epsilon from {FINEST:g} to 1, found {self.epsilon:g}"]
            )

    def iterations(self, most: int) -> Iterator[Iteration]:
        """Yield at most so many iterations; one without an addition is the last.

        It begins with the first thief and the first owner that may win.

        Raises:
            ScenarioError: no owner may win.
        """
        table = self.table
        thieves = [table.thieves[0]]
        table.values(table.owners, thieves)
        if not table.fit:
            said = [f"{owner} {reason}" for owner, reason in table.unfit.items()]
            raise ScenarioError([f"expected an owner that may win, found none: {'; '.join(said)}"])
        owners = [table.fit[0]]
        for _ in range(most):
            found, owner, thief = self._iterate(owners, thieves)
            yield found
            if not found.added:
                return
            owners += [owner] if owner in found.added and owner not in owners else []
            thieves += [thief] if thief in found.added and thief not in thieves else []

    def _iterate(self, owners: Sequence[str], thieves: Sequence[str]) -> tuple[Iteration, str, str]:
        """Solve a restricted game; return it, and the best responses to its mixtures."""
        table = self.table
        solved = equilibrium(table.values(owners, thieves))
        mixed_owners, mixed_thieves = _used(owners, solved.owners), _used(thieves, solved.thieves)
        by_thief = _mean(table.values(list(mixed_owners), table.thieves), mixed_owners)
        table.values(table.fit, list(mixed_thieves))  # may show that some of them are unfit
        fit = table.fit
        by_owner = _mean(table.values(fit, list(mixed_thieves)).T, mixed_thieves)
        owner, thief = fit[int(by_owner.argmin())], table.thieves[int(by_thief.argmax())]
        owner_gain = max(0.0, solved.value - float(by_owner.min()))
        thief_gain = max(0.0, float(by_thief.max()) - solved.value)
        gains = ((owner, owner_gain), (thief, thief_gain))
        found = Iteration(
            owners=mixed_owners,
            thieves=mixed_thieves,
            value=solved.value,
            owner_gain=owner_gain,
            thief_gain=thief_gain,
            added=tuple(name for name, gain in gains if gain > self.epsilon),
            n_played=table.n_cells[0],
        )
        return found, owner, thief


def _used(names: Sequence[str], mixture: Floats) -> dict[str, float]:
    """Return the players with mass, and their masses, which sum to 1."""
    kept = {name: float(mass) for name, mass in zip(names, mixture, strict=True) if mass > SHARE}
    total = sum(kept.values())
    return {name: mass / total for name, mass in kept.items()}


def _mean(values: Floats, mixture: dict[str, float]) -> Floats:
    """Return the mean of rows (n_mixed, n) under a mixture of them."""
    mean: Floats = np.array(list(mixture.values())) @ values
    return mean


def worst_cases(table: PayoffTable, thieves: Sequence[str]) -> dict[str, float]:
    """Return what each thief takes from the owner who holds best against it."""
    worst = table.values(table.fit, thieves).min(axis=0)
    return dict(zip(thieves, map(float, worst), strict=True))


def worst_case_of(table: PayoffTable, mixture: dict[str, float]) -> float:
    """Return what a mixture of thieves takes from the owner who holds best against it."""
    values = table.values(table.fit, list(mixture))
    return float(_mean(values.T, mixture).min())


Heard = Callable[[int, Iteration], None]
"""Told of every iteration, with its number."""
