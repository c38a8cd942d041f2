"""The pay-off table: finished matches as plain columns, and what each thief took from each owner.

Everything here is the thieves' pay-off; an owner's is 1 minus it. A cell is one owner against one
thief; a cell without a finished match is a hole, NaN, and nothing is put in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from arena.errors import StoreError

Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.intp]
Key = TypeVar("Key", str, int)


@dataclass(frozen=True)
class Games:
    """The finished matches, one entry each: the thief's pay-off in its last round.

    A match that did not finish has no entry. An (owner, thief, repeat) occurs once.

    Raises:
        StoreError: columns of different lengths, a pay-off outside [0, 1], a match entered twice.
    """

    owners: Sequence[str]
    thieves: Sequence[str]
    repeats: Sequence[int]
    payoffs: Sequence[float]

    def __post_init__(self) -> None:
        lengths = [len(self.owners), len(self.thieves), len(self.repeats), len(self.payoffs)]
        if len(set(lengths)) > 1:
            raise StoreError(
                f"expected columns of one length, found {lengths}; give each match one entry"
            )
        payoffs = np.asarray(self.payoffs, dtype=np.float64)
        wrong = payoffs[~((payoffs >= 0.0) & (payoffs <= 1.0))]
        if len(wrong):
            raise StoreError(
                f"expected pay-offs in [0, 1], found {wrong[0]:g}; leave out matches without one"
            )


@dataclass(frozen=True, eq=False)
class Matrix:
    """Mean pay-off of each thief against each owner, names sorted.

    `payoffs` and `counts` have shape (n_owners, n_thieves): the thief's mean pay-off over the
    repeats, NaN where no match was finished, and the number of finished matches.
    """

    owners: tuple[str, ...]
    thieves: tuple[str, ...]
    payoffs: Floats
    counts: Counts

    @property
    def n_missing(self) -> int:
        """The number of cells without a finished match."""
        return int((self.counts == 0).sum())


def payoff_matrix(games: Games) -> Matrix:
    """Return the table of cell means.

    Raises:
        StoreError: the same match was entered twice.

    >>> games = Games(["o", "o"], ["t", "t"], [0, 1], [0.25, 0.75])
    >>> payoff_matrix(games).payoffs.tolist()
    [[0.5]]
    """
    owners, thieves, cube = payoff_cube(games)
    return Matrix(owners, thieves, cell_means(cube), counts_of(cube))


def payoff_cube(games: Games) -> tuple[tuple[str, ...], tuple[str, ...], Floats]:
    """Return sorted owners, sorted thieves, and (n_repeats, n_owners, n_thieves) pay-offs.

    Raises:
        StoreError: the same match was entered twice.
    """
    repeats, at_repeat = _places(games.repeats)
    owners, at_owner = _places(games.owners)
    thieves, at_thief = _places(games.thieves)
    cube = np.full((len(repeats), len(owners), len(thieves)), np.nan)
    cube[at_repeat, at_owner, at_thief] = games.payoffs
    n_places, n_entries = int(counts_of(cube).sum()), len(games.payoffs)
    if n_places != n_entries:
        raise StoreError(
            f"expected one entry for each owner, thief and repeat, found {n_entries} entries for "
            f"{n_places} of them; give each match its last round only"
        )
    return owners, thieves, cube


def _places(column: Sequence[Key]) -> tuple[tuple[Key, ...], NDArray[np.intp]]:
    """Return the sorted distinct values of a column, and the place of each entry among them."""
    values = tuple(sorted(set(column)))
    place = {value: i for i, value in enumerate(values)}
    return values, np.fromiter(map(place.__getitem__, column), np.intp, len(column))


def counts_of(cube: Floats) -> Counts:
    """Return how many repeats of each cell were played; the repeats are the first axis."""
    counts: Counts = np.count_nonzero(~np.isnan(cube), axis=0)
    return counts


def cell_means(cube: Floats) -> Floats:
    """Return the mean over the repeats that were played, NaN for a hole."""
    counts = counts_of(cube)
    means = np.full(counts.shape, np.nan)
    np.divide(np.nansum(cube, axis=0), counts, out=means, where=counts > 0)
    return means
