"""Distances: how a suspect's answers are compared with the victim's, and what is rare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from arena.game.court.nulls import Distances, NullTest, Rates


@dataclass(frozen=True)
class Distance:
    """A number for two sets of answers, and its test against independent models.

    Attributes:
        name: of the statistic. copies: on which side copies lie; where it is the high one, the
            number is a likeness in [0, 1].
        between: (the victim's answers (K, ...), a suspect's (K, ...)) -> the statistic.
    """

    name: str
    copies: Literal["low", "high"]
    between: Callable[[Tensor, Tensor], float]

    @property
    def statistic(self) -> tuple[str, Literal["low", "high"]]:
        """What a scheme says that it measures."""
        return self.name, self.copies

    def test(self, n: int) -> NullTest:
        """Return how rare a value on `n` points is among those of independent models."""
        return Distances(self.copies)

    def said(self, value: float, n: int, needed: float) -> str:
        """Return a sentence about a value and the one that is needed."""
        side = "at least" if self.copies == "high" else "at most"
        return f"{self.name} is {value:.3f}, {side} {needed:.3f} is needed"


class MatchingRate(Distance):
    """The share of points that get the victim's label: counts, so their p-value is that of hits."""

    def test(self, n: int) -> NullTest:
        """Return the test of so many hits of `n`."""
        return Rates(self.copies, n)

    def said(self, value: float, n: int, needed: float) -> str:
        """Return a sentence about the hits and those that are needed."""
        hits, least = round(value * n), round(needed * n)
        return f"{hits} of {n} points get the victim's label, {least} are needed"


def matches(first: Tensor, second: Tensor) -> float:
    """Return the share of equal labels (K,).

    >>> import torch
    >>> matches(torch.tensor([1, 2, 3, 4]), torch.tensor([1, 2, 3, 0]))
    0.75
    """
    return float((first == second).double().mean())


def correlations(rows: Tensor) -> Tensor:
    """Return (1 - cosine) / 2 between all pairs of rows (K, D), as (K, K).

    Source: Guan et al., NeurIPS 2022.
    """
    unit = F.normalize(rows.double(), dim=1)
    return (1 - unit @ unit.T) / 2


def correlation_gap(first: Tensor, second: Tensor) -> float:
    """Return the mean absolute difference of two sets' correlations (K, K).

    >>> import torch
    >>> rows = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    >>> correlation_gap(rows, rows.flip(1))
    0.0
    """
    return float((correlations(first) - correlations(second)).abs().mean())


def linear_cka(first: Tensor, second: Tensor) -> float:
    """Return the linear centred kernel alignment of two sets of features (K, D) and (K, E).

    |X^T Y|^2 / (|X^T X| |Y^T Y|) of centred columns, computed by the (K, K) Gram matrices; in
    [0, 1], the same under rotation and scaling of either. Features that do not vary have 0.
    Source: Kornblith et al., ICML 2019, equation 3.

    >>> import torch
    >>> x = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
    >>> round(linear_cka(x, 5 * x.flip(1)), 6)
    1.0
    """
    one, two = (_gram(rows.double()) for rows in (first, second))
    norms = one.norm() * two.norm()
    return float((one * two).sum() / norms) if float(norms) > 0 else 0.0


def _gram(rows: Tensor) -> Tensor:
    centred = rows - rows.mean(0)
    return centred @ centred.T


MATCHING_RATE = MatchingRate("MR", "high", matches)
CORRELATION_GAP = Distance("correlation gap", "low", correlation_gap)
CKA = Distance("CKA", "high", linear_cka)
