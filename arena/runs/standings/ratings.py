"""Ratings of owners and thieves on one scale, with their uncertainty.

Source: Weng and Lin, "A Bayesian approximation method for online ranking", JMLR 2011, as the
Plackett-Luce model of the library openskill, with its defaults but for one: no drift between games
(tau = 0), for players do not get better or worse while a tournament is counted.

The model knows wins, draws and losses: the thief wins above a pay-off of 0.55, the owner below
0.45, and what lies between is a draw. Games are fed in an order drawn from the seed. Where there
are more than `MOST_GAMES` matches, repeats of a cell are pooled into fewer games, each decided by
the mean of its matches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from openskill.models import PlackettLuce

from arena.runs.standings.payoffs import Floats
from arena.world.rng import Rng

DRAW_BAND = 0.05
"""How far from 0.5 a pay-off may lie and still be a draw."""
MOST_GAMES = 2000
"""About how many games are fed at most (each costs 20 microseconds), unless cells are more."""


@dataclass(frozen=True, eq=False)
class Ratings:
    """Strength and its standard deviation: (n, 2) for owners and for thieves; 25 is average."""

    owners: Floats
    thieves: Floats


def ratings(payoffs: Floats, rng: Rng) -> Ratings:
    """Return the ratings of all players.

    Args:
        payoffs: (n_repeats, n_owners, n_thieves), the thieves', in [0, 1], NaN where not played.
        rng: the stream that the order of the games is drawn from.
    """
    sittings = _sittings(payoffs)
    games = np.argwhere(~np.isnan(sittings))  # (n_games, 3): sitting, owner, thief
    model = PlackettLuce(tau=0.0)
    owners = [model.rating() for _ in range(payoffs.shape[1])]
    thieves = [model.rating() for _ in range(payoffs.shape[2])]
    for sitting, owner, thief in rng.numpy().permutation(games).tolist():
        ranks = _ranks(float(sittings[sitting, owner, thief]))
        teams = model.rate([[owners[owner]], [thieves[thief]]], ranks=ranks)
        (owners[owner],), (thieves[thief],) = teams
    return Ratings(
        np.array([(player.mu, player.sigma) for player in owners]),
        np.array([(player.mu, player.sigma) for player in thieves]),
    )


def _sittings(payoffs: Floats) -> Floats:
    """Return the means over groups of repeats: (n_sittings, n_owners, n_thieves), NaN for none."""
    n_repeats, n_owners, n_thieves = payoffs.shape
    n_sittings = min(n_repeats, max(1, MOST_GAMES // (n_owners * n_thieves)))
    played = ~np.isnan(payoffs)
    starts = np.linspace(0, n_repeats, n_sittings, endpoint=False).astype(np.intp)
    counts = np.add.reduceat(played, starts, axis=0, dtype=np.float64)
    sums = np.add.reduceat(np.where(played, payoffs, 0.0), starts, axis=0)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def _ranks(payoff: float) -> list[float]:
    """Return the ranks of owner and thief in one game; the lower rank wins.

    >>> _ranks(0.2), _ranks(0.5), _ranks(0.9)
    ([1.0, 2.0], [1.0, 1.0], [2.0, 1.0])
    """
    return [1.0 + (payoff > 0.5 + DRAW_BAND), 1.0 + (payoff < 0.5 - DRAW_BAND)]
