"""Nash averaging: the owners-against-thieves table as a zero-sum game.

A player's score is what it earns against the opponents' maximum-entropy equilibrium mixture.
Source: Balduzzi, Tuyls, Perolat, Graepel, "Re-evaluating evaluation", NeurIPS 2018.

What is added to the paper, so that a copy of a player never moves anybody's score:

- Players whose whole row (or column) is the same are one class. Entropy is maximised over the
  masses of the classes, and the members of a class share its mass. Maximised over single players
  it would draw mass towards a class entered often, wherever there is more than one equilibrium.
- Pay-offs that differ by less than about 1e-4 count as equal, so that the solver's own error
  decides nothing.
- A hole in the table, a match that nobody finished, counts as one in which the thief took nothing:
  a thief that crashes never lifts itself above the value of the game. An owner that finished with
  fewer than half of the (distinct) thieves is at fault itself: it stays out of the game, so that
  its holes do not shape the mixtures that the others are measured against.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog, minimize
from scipy.special import logsumexp, softmax

from arena.errors import ArenaError
from arena.runs.standings.payoffs import Floats

Mask: TypeAlias = NDArray[np.bool_]
Indices: TypeAlias = NDArray[np.intp]

DECIMALS = 4
"""Pay-offs are compared after rounding to so many decimals, far above what the solver resolves."""
SHARE = 1e-5
"""A player with no more mass than this is not in use."""
SLACK = 1e-10
"""What the linear programs may miss a constraint by; the least that their solver allows."""
RANK = 1e-7
"""A singular value of a table of pay-offs below this one is 0."""


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
        payoffs: (n_owners, n_thieves), in [0, 1], NaN for a hole; neither side is empty. Thieves
            maximise, owners minimise.

    Raises:
        ArenaError: the solver gave up.

    >>> pennies = equilibrium(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]))
    >>> pennies.thieves.tolist(), pennies.value
    ([0.5, 0.25, 0.25], 0.5)
    """
    owner_class, owner_first = _classes(payoffs)
    thief_class, thief_first = _classes(payoffs.T)
    distinct = payoffs[np.ix_(owner_first, thief_first)]  # (n_owner_classes, n_thief_classes)
    playing = ~at_fault(distinct)
    game = np.where(np.isnan(distinct), 0.0, distinct)[playing].round(DECIMALS)
    owner_mass = np.zeros(len(distinct))
    owner_mass[playing], thief_mass = _solve(game)
    owners = (owner_mass / np.bincount(owner_class))[owner_class]
    thieves = (thief_mass / np.bincount(thief_class))[thief_class]
    return Equilibrium(owners, thieves, float(owners @ np.nan_to_num(payoffs) @ thieves))


def at_fault(payoffs: Floats) -> Mask:
    """Return the owners, (n_owners,), whose holes are their own: most of their matches are holes.

    Copies of a thief count once. Where all owners have mostly holes, those with the fewest play.

    >>> hole = float("nan")
    >>> at_fault(np.array([[0.1, hole, 0.3], [hole, hole, 0.2]])).tolist()
    [False, True]
    """
    _, distinct = _classes(payoffs.T)
    share = (~np.isnan(payoffs[:, distinct])).mean(1)
    fault: Mask = share < min(0.5, float(share.max()))
    return fault


def _classes(table: Floats) -> tuple[Indices, Indices]:
    """Return each row's class and the first row of each class; holes are equal to holes."""
    marked = np.nan_to_num(np.round(table, DECIMALS), nan=-1.0)
    _, first, member = np.unique(marked, axis=0, return_index=True, return_inverse=True)
    by_place = np.argsort(first)
    return np.argsort(by_place)[member.reshape(-1)], first[by_place]


def _solve(game: Floats) -> tuple[Floats, Floats]:
    """Return the maximum-entropy mixtures of the owners and of the thieves; no hole in `game`."""
    owners, owners_used = _widest(-game)
    thieves, thieves_used = _widest(game.T)
    return (
        _most_even(-game, owners, owners_used, thieves_used),
        _most_even(game.T, thieves, thieves_used, owners_used),
    )


def _widest(gains: Floats) -> tuple[Floats, Mask]:
    """Return a maximin mixture with mass on every player that any maximin mixture uses, and those.

    The first linear program finds the value and one mixture. Each further one keeps the value and
    gives all it can to the players without mass so far; the answer is the mean of what was found.

    Args:
        gains: (n_mine, n_theirs), pay-offs of the side that mixes.
    """
    n_mine, _ = gains.shape
    mixtures = [_best_mixture(gains, np.append(np.zeros(n_mine), 1.0), -np.inf)]
    value = float((mixtures[0] @ gains).min())
    used = mixtures[0] > SHARE
    while not used.all():
        wider = _best_mixture(gains, np.append(~used, 0.0), value - SLACK)
        if not (wider[~used] > SHARE).any():
            break
        mixtures.append(wider)
        used |= wider > SHARE
    return np.mean(mixtures, axis=0), used


def _best_mixture(gains: Floats, goal: Floats, least: float) -> Floats:
    """Return the mixture that maximises goal @ (mixture, v), v >= least, mixture @ gains >= v.

    Args:
        gains: (n_mine, n_theirs).
        goal: (n_mine + 1,).
        least: what the mixture must earn whatever the opponents play.
    """
    n_mine, n_theirs = gains.shape
    result = linprog(
        -goal,
        A_ub=np.hstack([-gains.T, np.ones((n_theirs, 1))]),
        b_ub=np.zeros(n_theirs),
        A_eq=np.append(np.ones(n_mine), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0.0, None)] * n_mine + [(least, None)],
        method="highs",
        options={"primal_feasibility_tolerance": SLACK, "dual_feasibility_tolerance": SLACK},
    )
    if not result.success:
        raise ArenaError(
            f"expected an equilibrium of the pay-off table, found none ({result.message}); "
            "look for pay-offs outside [0, 1]"
        )
    mixture: Floats = np.maximum(result.x[:-1], 0.0)
    mixture /= mixture.sum()
    return mixture


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
    margins = gains - (start @ gains).min()
    tight, slack = margins[np.ix_(mine, theirs)], margins[np.ix_(mine, ~theirs)]
    basis, sizes, _ = np.linalg.svd(tight, full_matrices=False)
    basis = basis[:, sizes > RANK]  # the same equations, orthonormal and none twice
    if basis.shape[1] >= mine.sum() - 1:
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
