"""The search for the leaves of a decision tree that only answers questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

Oracle = Callable[[Tensor], Tensor]
"""Points (N, D) of the grid, int64 -> answers (N, C), float64."""

Piece = tuple[int, int, int]
"""A feature, and two of its positions between which it is still to be searched."""

_DECIMALS = 9  # of an answer that tell leaves apart; the last bits of one leaf's may differ


@dataclass(frozen=True)
class Leaf:
    """A box of grid points, both ends included, and what is answered in it."""

    low: Tensor  # int64 (D,)
    high: Tensor  # int64 (D,)
    answer: Tensor  # (C,)

    def holds(self, point: Tensor) -> bool:
        """Return whether a grid point (D,) lies in the box."""
        return bool(((self.low <= point) & (point <= self.high)).all())


@dataclass
class Names:
    """A number for each leaf, by its answer: leaves that answer alike are taken for one."""

    oracle: Oracle
    answers: list[Tensor] = field(default_factory=list)
    _numbers: dict[tuple[float, ...], int] = field(default_factory=dict)

    def ask(self, points: Tensor) -> list[int]:
        """Return the numbers of the leaves that points (N, D) fall into."""
        return [self._number(row) for row in self.oracle(points)]

    def _number(self, row: Tensor) -> int:
        mark = tuple(row.round(decimals=_DECIMALS).tolist())
        if mark not in self._numbers:
            self._numbers[mark] = len(self.answers)
            self.answers.append(row)
        return self._numbers[mark]


def line_search(names: Names, point: Tensor, own: int, top: int) -> list[list[int]]:
    """Return, for each feature, the positions after which the leaf changes, sorted.

    Each feature is moved over 0..top with the others held where they are. All lines are bisected
    side by side, with one round of questions a level. Source: Tramer et al. 2016.

    Args:
        names: tells leaves apart.
        point: where the lines cross, int64 (D,).
        own: the number of the leaf there.
        top: the last position of the grid.
    """
    places = dict.fromkeys(enumerate(point.tolist()), own)
    pieces: list[Piece] = [(i, 0, at) for i, at in places] + [(i, at, top) for i, at in places]
    wanted = [(feature, end) for feature in range(len(point)) for end in (0, top)]
    cuts: list[list[int]] = [[] for _ in range(len(point))]
    while wanted:
        places |= dict(zip(wanted, names.ask(on_lines(point, wanted)), strict=True))
        pieces = [(i, a, b) for i, a, b in pieces if places[i, a] != places[i, b]]
        for i, a, b in pieces:
            if b - a == 1:
                cuts[i].append(a)
        pieces = [half for piece in pieces for half in _halves(piece)]
        wanted = [(i, b) for i, _, b in pieces[::2]]  # where the halves meet
    return [sorted(positions) for positions in cuts]


def _halves(piece: Piece) -> list[Piece]:
    feature, first, last = piece
    middle = (first + last) // 2
    return [(feature, first, middle), (feature, middle, last)] if last - first > 1 else []


def on_lines(point: Tensor, moves: Sequence[tuple[int, int]]) -> Tensor:
    """Return copies (N, D) of a point (D,) with one feature each set to a position."""
    points = point.repeat(len(moves), 1)
    features, positions = torch.tensor(moves).T
    points[torch.arange(len(moves)), features] = positions
    return points


def explored(oracle: Oracle, start: Tensor, top: int, max_leaves: int) -> Iterator[Leaf]:
    """Yield the leaves of a tree over the grid 0..top, each once, as they are found.

    Args:
        oracle: the victim.
        start: any point of the grid, int64 (D,).
        top: the last position of the grid.
        max_leaves: where to stop at the latest.
    """
    names, waiting = Names(oracle), [start]
    leaves: list[Leaf] = []
    while waiting and len(leaves) < max_leaves:
        point = waiting.pop()
        if any(leaf.holds(point) for leaf in leaves):
            continue
        own = names.ask(point[None])[0]
        cuts = line_search(names, point, own, top)
        leaves.append(_boxed(point, names.answers[own], cuts, top))
        yield leaves[-1]
        for feature, positions in enumerate(cuts):
            waiting += _elsewhere(point, feature, positions, top)


def _boxed(point: Tensor, answer: Tensor, cuts: list[list[int]], top: int) -> Leaf:
    """Return the leaf around a point, given after which positions each feature leaves it."""
    lines = list(zip(cuts, point.tolist(), strict=True))
    low = [max((c + 1 for c in positions if c < at), default=0) for positions, at in lines]
    high = [min((c for c in positions if c >= at), default=top) for positions, at in lines]
    return Leaf(torch.tensor(low), torch.tensor(high), answer)


def _elsewhere(point: Tensor, feature: int, cuts: list[int], top: int) -> list[Tensor]:
    """Return a point in the middle of each piece of a line that the point itself is not in."""
    pieces = zip([0, *(c + 1 for c in cuts)], [*cuts, top], strict=True)
    here = int(point[feature])
    middles = [(feature, (a + b) // 2) for a, b in pieces if not a <= here <= b]
    return list(on_lines(point, middles)) if middles else []
