"""The leaderboard: worst case, Nash-averaged, mean and rating side by side.

No single column will do. The mean can be flipped by entering copies of one opponent; the Nash
column cannot (`arena.runs.standings.nash`). The worst case is what an owner can rely on, and
ranks first.

All of it rests on the table of cell means, a cell being one owner against one thief and its mean
taken over the repeats. An owner's pay-off is 1 minus the thief's. A cell without a finished match
is a hole:

- worst case and mean are taken over the cells that were played, and `missing` counts the holes,
- in the Nash column the thief took nothing, unless the owner is at fault (`nash.at_fault`), who
  then has nothing.

Intervals are percentile bootstraps over the repeats, the same draw for all cells (a repeat is one
seed). Opponents are held fixed: the worst one, the equilibrium mixture, all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from arena.runs.standings.nash import at_fault, equilibrium
from arena.runs.standings.payoffs import (
    Counts,
    Floats,
    Games,
    Matrix,
    cell_means,
    counts_of,
    payoff_cube,
    payoff_matrix,
)
from arena.runs.standings.ratings import ratings
from arena.world.rng import Rng

__all__ = ["Games", "Interval", "Matrix", "Side", "Standing", "leaderboard", "payoff_matrix"]

Side = Literal["owner", "thief"]
Interval: TypeAlias = tuple[float, float]

CONFIDENCE = 0.95
"""The confidence of the bootstrap intervals."""
BLOCK = 4_000_000
"""How many numbers the bootstrap holds at once: 32 MB."""


@dataclass(frozen=True)
class Standing:
    """One line of the leaderboard: pay-offs of the player itself, in [0, 1], higher is better.

    `n_matches` counts its finished matches, `missing` the opponents it has finished none with:
    above 0 it flags that worst case and mean leave those out.
    """

    name: str
    worst: float
    worst_interval: Interval
    nash: float
    nash_interval: Interval
    mean: float
    mean_interval: Interval
    rating: float
    rating_interval: Interval
    n_matches: int
    missing: int


def leaderboard(games: Games, side: Side, rng: Rng, n_draws: int = 1000) -> list[Standing]:
    """Return the standings of one side: best worst case first, then Nash score, then name.

    The order of the entries changes nothing. A player without any finished match is unknown here.

    Args:
        games: finished matches of owners against thieves.
        side: whose standings.
        rng: the stream of the bootstrap's draws and of the order in which games are rated.
        n_draws: the number of bootstrap draws.

    Raises:
        StoreError: the same match was entered twice.
        ValueError: there is no such side.

    >>> games = Games(["a", "b"], ["t", "t"], [0, 0], [0.25, 0.5])
    >>> {line.name: line.worst for line in leaderboard(games, "owner", Rng(0))}
    {'a': 0.75, 'b': 0.5}
    """
    if side not in get_args(Side):
        raise ValueError(f"expected a side of {get_args(Side)}, found {side!r}; choose one of them")
    if not len(games.payoffs):
        return []
    owners, thieves, cube = payoff_cube(games)
    table, rated = cell_means(cube), ratings(cube, rng.child("ratings"))
    balance, holes = equilibrium(table), np.where(at_fault(table), 1.0, 0.0)[:, None]
    if side == "owner":
        players = _Players(1.0 - cube, 1.0 - holes, balance.thieves)
        names, strength = owners, rated.owners
    else:
        players = _Players(cube.swapaxes(1, 2), holes.T, balance.owners)
        names, strength = thieves, rated.thieves
    scores, intervals = _scores(players, rng.child("bootstrap"), n_draws)
    lines = map(_standing, names, scores, intervals, strength, counts_of(players.gains))
    return sorted(lines, key=_order)


@dataclass(frozen=True, eq=False)
class _Players:
    """One side of the table.

    `gains` (n_repeats, n_mine, n_theirs) are its own pay-offs, NaN where not played; `holes`, of
    the shape of a row or a column, what a hole counts in the Nash column; `against` (n_theirs,)
    the opponents' equilibrium mixture.
    """

    gains: Floats
    holes: Floats
    against: Floats


def _order(line: Standing) -> tuple[float, float, str]:
    """Return the sort key; differences below 1e-6 are rounding, and the name decides."""
    return -round(line.worst, 6), -round(line.nash, 6), line.name


def _standing(
    name: str, scores: Floats, intervals: Floats, strength: Floats, counts: Counts
) -> Standing:
    """Return one line from (3,) scores, (3, 2) intervals, (2,) strength, (n_theirs,) counts."""
    worst, nash, mean = scores.tolist()
    worst_interval, nash_interval, mean_interval = ((low, high) for low, high in intervals.tolist())
    rating, deviation = strength.tolist()
    return Standing(
        name=name,
        worst=worst,
        worst_interval=worst_interval,
        nash=nash,
        nash_interval=nash_interval,
        mean=mean,
        mean_interval=mean_interval,
        rating=rating,
        rating_interval=(rating - 2 * deviation, rating + 2 * deviation),
        n_matches=int(counts.sum()),
        missing=int((counts == 0).sum()),
    )


def _scores(players: _Players, rng: Rng, n_draws: int) -> tuple[Floats, Floats]:
    """Return worst case, Nash score and mean (n_mine, 3), and their intervals (n_mine, 3, 2)."""
    means = cell_means(players.gains)
    shares, extra = _columns(players, means)
    n_repeats, generator = len(players.gains), rng.numpy()
    even = np.full(n_repeats, 1 / n_repeats)
    n_blocks = 1 + n_draws * max(means.size, n_repeats) // BLOCK
    draws = []
    for block in np.array_split(np.arange(n_draws), n_blocks):
        weights = generator.multinomial(n_repeats, even, len(block))  # (n_drawn, n_repeats)
        drawn = _drawn_means(players.gains, means, weights.astype(np.float64))
        draws.append(np.einsum("dmt,mtc->dmc", drawn, shares) + extra)
    tail = 50 * (1 - CONFIDENCE)
    limits = np.percentile(np.concatenate(draws), [tail, 100 - tail], axis=0)  # (2, n_mine, 3)
    scores = np.einsum("mt,mtc->mc", np.nan_to_num(means), shares) + extra
    # what a sum of shares leaves outside [0, 1] is rounding
    return np.clip(scores, 0.0, 1.0), np.clip(np.moveaxis(limits, 0, -1), 0.0, 1.0)


def _columns(players: _Players, means: Floats) -> tuple[Floats, Floats]:
    """Return how much each opponent counts in each column, and what the holes add to it.

    Args:
        players: who they are measured against, and what a hole counts.
        means: (n_mine, n_theirs), cell means, NaN for a hole.

    Returns:
        Shares (n_mine, n_theirs, 3) and additions (n_mine, 3).
    """
    played = ~np.isnan(means)
    worst = np.eye(means.shape[1])[np.nanargmin(means, axis=1)]
    against = np.broadcast_to(players.against, means.shape)
    extra = np.zeros((len(means), 3))
    extra[:, 1] = np.where(played, 0.0, players.holes) @ players.against
    return np.stack([worst, against, played / played.sum(1, keepdims=True)], axis=-1), extra


def _drawn_means(gains: Floats, means: Floats, weights: Floats) -> Floats:
    """Return the cell means of each draw; a cell that has no match in a draw keeps its mean.

    Args:
        gains: (n_repeats, n_mine, n_theirs), NaN where not played.
        means: (n_mine, n_theirs), over all repeats.
        weights: (n_draws, n_repeats), how often a draw holds a repeat.

    Returns:
        (n_draws, n_mine, n_theirs), 0 for a hole.
    """
    played = ~np.isnan(gains)
    sums: Floats = np.tensordot(weights, np.where(played, gains, 0.0), axes=1)
    if played.all():
        return sums / len(gains)
    counts = np.tensordot(weights, played.astype(np.float64), axes=1)
    drawn = np.broadcast_to(np.nan_to_num(means), sums.shape).copy()
    np.divide(sums, counts, out=drawn, where=counts > 0)
    return drawn
