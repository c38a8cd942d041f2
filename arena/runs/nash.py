"""Nash averaging: the owners-against-thieves table as a zero-sum game.

Source: Balduzzi, Tuyls, Perolat, Graepel, "Re-evaluating evaluation", NeurIPS 2018: a player's score
is its expected pay-off against the opponents' maximum-entropy equilibrium mixture.

What is added to the paper, so that a copy of a player never moves anybody's score:

- Players whose whole row (or column) is the same are one class. Entropy is maximised over the masses
  of the classes, and the members of a class share its mass; maximised over single players it would
  draw mass towards a class that was entered often, wherever more than one equilibrium exists.
- Pay-offs that differ by less than about 1e-6 count as equal.
- A cell that was not played has no pay-off, and none is invented: the players with the largest share
  of holes stay out of the game, one after the other, until every cell left is a played one. They
  have no mass, so a crash neither helps a mixture nor changes what it stands for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog, minimize
from scipy.special import logsumexp, softmax

from arena.errors import ArenaError

Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
Indices: TypeAlias = NDArray[np.intp]

DECIMALS = 6
"""Pay-offs are compared after rounding to so many decimals: far above what the solver resolves."""
REACH = 1e6
"""How far the solver stretches a mixture to see its small shares: the least it tells from 0 is 1e-6."""
RANK = 1e-7
"""A singular value below this one is 0; differences of pay-offs are at least 1e-6."""


@dataclass(frozen=True, eq=False)
class Equilibrium:
    """The maximum-entropy equilibrium: one mixture for each side, and the thieves' value.

    `owners` has shape (n_owners,) and `thieves` (n_thieves,); both are >= 0 and sum to 1.
    """

    owners: Floats
    thieves: Floats
    value: float


def equilibrium(payoffs: Floats) -> Equilibrium:
    """Return the equilibrium of a table of the thieves' pay-offs.

    Args:
        payoffs: (n_owners, n_thieves), in [0, 1], NaN where no match was finished; at least one
            cell is a number. Thieves maximise, owners minimise.

    Raises:
        ArenaError: the solver gave up.

    >>> pennies = equilibrium(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]))
    >>> pennies.thieves.tolist(), pennies.value
    ([0.5, 0.25, 0.25], 0.5)
    """
    table = np.round(payoffs, DECIMALS)
    owner_class, owner_first = _classes(table)
    thief_class, thief_first = _classes(table.T)
    quotient = table[np.ix_(owner_first, thief_first)]
    owners_in, thieves_in = complete_part(np.isnan(quotient))
    owner_mass, thief_mass = np.zeros(len(owner_first)), np.zeros(len(thief_first))
    owner_mass[owners_in], thief_mass[thieves_in] = _solve(quotient[np.ix_(owners_in, thieves_in)])
    owners = (owner_mass / np.bincount(owner_class))[owner_class]
    thieves = (thief_mass / np.bincount(thief_class))[thief_class]
    return Equilibrium(owners, thieves, float(owners @ np.nan_to_num(payoffs) @ thieves))


def complete_part(missing: Mask) -> tuple[Mask, Mask]:
    """Return which rows and which columns stay, so that no cell among them is missing.

    The row or column with the largest share of holes leaves first, a column before a row and the
    first of several that are equal. At least one played cell stays if there is one.

    >>> rows, columns = complete_part(np.array([[False, True], [False, False], [False, True]]))
    >>> rows.tolist(), columns.tolist()
    ([True, True, True], [True, False])
    """
    rows, columns = (np.ones(n, dtype=np.bool_) for n in missing.shape)
    while (holes := missing & rows[:, None] & columns).any():
        row_share = holes.sum(1) / columns.sum()
        column_share = holes.sum(0) / rows.sum()
        if column_share.max() >= row_share.max():
            columns[column_share.argmax()] = False
        else:
            rows[row_share.argmax()] = False
    return rows, columns


def _classes(table: Floats) -> tuple[Indices, Indices]:
    """Return each row's class and the first row of each class; holes are equal to holes."""
    marked = np.nan_to_num(table, nan=-1.0)
    _, first, member = np.unique(marked, axis=0, return_index=True, return_inverse=True)
    by_place = np.argsort(first)
    return np.argsort(by_place)[member.reshape(-1)], first[by_place]


def _solve(game: Floats) -> tuple[Floats, Floats]:
    """Return the maximum-entropy mixtures of the owners and of the thieves; no hole in `game`."""
    owners, thieves, value = _interior(game)
    mine, theirs = owners > 0, thieves > 0
    return (
        _most_even(value - game, owners, mine, theirs),
        _most_even(game.T - value, thieves, theirs, mine),
    )


def _interior(game: Floats) -> tuple[Floats, Floats, float]:
    """Return an equilibrium in which every player that any equilibrium uses has mass, by one LP.

    Two mixtures and a number between what they guarantee are an equilibrium, and all such triples
    form a cone: sum p = sum q = s, p @ game <= v <= game @ q. With p and q split into t + rest,
    0 <= t <= 1, the greatest sum of t over that cone has t = 1 for just the players with mass in
    some equilibrium (Freund, Roundy, Todd 1985). By strict complementarity (Goldman, Tucker 1956)
    these are also the opponents against which every equilibrium mixture earns the value exactly.
    """
    n_owners, n_thieves = game.shape
    n = n_owners + n_thieves
    earns = np.zeros((n, n))
    earns[:n_thieves, :n_owners] = game.T  # what each thief takes from the owners' mixture
    earns[n_thieves:, n_owners:] = -game  # what each owner leaves to the thieves' mixture
    value_column = np.repeat([-1.0, 1.0], [n_thieves, n_owners])[:, None]
    totals = np.zeros((2, n))
    totals[0, :n_owners] = totals[1, n_owners:] = 1.0
    result = linprog(
        np.repeat([-1.0, 0.0], [n, n + 2]),
        A_ub=np.hstack([earns, earns, value_column, np.zeros((n, 1))]),
        b_ub=np.zeros(n),
        A_eq=np.hstack([totals, totals, np.zeros((2, 1)), -np.ones((2, 1))]),
        b_eq=np.zeros(2),
        bounds=[(0, 1)] * n + [(0, None)] * n + [(None, None), (1, REACH)],
        method="highs",
    )
    if not result.success:
        raise ArenaError(
            f"expected an equilibrium of the pay-off table, found none ({result.message}); "
            "look for pay-offs outside [0, 1]"
        )
    in_use, rest = result.x[:n], result.x[n : 2 * n]
    masses = np.where(in_use > 0.5, in_use + rest, 0.0)
    owners, thieves = masses[:n_owners], masses[n_owners:]
    return owners / owners.sum(), thieves / thieves.sum(), float(result.x[-2] / result.x[-1])


def _most_even(gains: Floats, start: Floats, mine: Mask, theirs: Mask) -> Floats:
    """Return the mixture of greatest entropy with mixture @ gains >= 0, and = 0 over `theirs`.

    Solved as its dual, which is smooth and has no other constraints than signs: the mixture is a
    softmax of a combination of the constraints, and minimising the log-sum-exp makes them hold.
    Over `mine`, the support, the minimum is reached at finite multipliers.

    Args:
        gains: (n_mine, n_theirs), pay-offs above the game's value.
        start: (n_mine,), a mixture that satisfies all this: the answer, if it is the only one.
        mine: (n_mine,), the players that have mass in some equilibrium.
        theirs: (n_theirs,), the opponents that have mass in some equilibrium.
    """
    tight, slack = gains[np.ix_(mine, theirs)], gains[np.ix_(mine, ~theirs)]
    basis, sizes, _ = np.linalg.svd(tight, full_matrices=False)
    basis = basis[:, sizes > RANK]  # the same equations, orthonormal and none twice
    if basis.shape[1] == mine.sum() - 1:
        return start
    pulls = np.hstack([basis, slack])  # (n_support, n_constraints)
    multipliers = np.zeros(pulls.shape[1])
    if len(multipliers):
        signs = [(None, None)] * basis.shape[1] + [(0.0, None)] * slack.shape[1]
        multipliers = minimize(
            lambda x: (logsumexp(pulls @ x), pulls.T @ softmax(pulls @ x)),
            multipliers,
            jac=True,
            method="L-BFGS-B",
            bounds=signs,
            options={"maxiter": 5000, "ftol": 1e-16, "gtol": 1e-12},
        ).x
    mixture = np.zeros(len(mine))
    mixture[mine] = softmax(pulls @ multipliers)
    return mixture
