"""Intervals of shares whose attempts come in clusters: several seeds on one victim are no several.

What one victim shows with one seed it mostly shows with the next, so the victim is the unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
import scipy  # its parts load when they are first used
from numpy.typing import NDArray
from pydantic import model_validator

from arena.runs.bench.bounds import Count, Rate
from arena.world.json_values import Frozen


class Share(Frozen):
    """A share of attempts, and its 95 % interval over clusters.

    Attributes:
        hits, n: attempts that have it, and all. clusters: how many victims they are on.
        low, high: the interval; 0 to 1 where there is no attempt.
    """

    hits: Count
    n: Count
    clusters: Count
    low: Rate
    high: Rate

    @model_validator(mode="after")
    def _is_a_share(self) -> Self:
        for less, most in (("hits", "n"), ("clusters", "n"), ("low", "high")):
            if getattr(self, less) > getattr(self, most):
                raise ValueError(
                    f"expected {less} of at most {most}, found {getattr(self, less)} and "
                    f"{getattr(self, most)}"
                )
        return self

    @property
    def value(self) -> float | None:
        """Return the share; None of no attempt."""
        return self.hits / self.n if self.n else None


def clustered_share(clusters: Iterable[Sequence[bool]], confidence: float = 0.95) -> Share:
    """Return a share with the exact interval of as many attempts as are worth their number.

    The interval of Clopper and Pearson with the effective number of attempts in the place of their
    number: n over the design effect of the clusters, and never more than n, times the squared ratio
    of Student's quantiles with n - 1 and clusters - 1 degrees of freedom (Korn and Graubard, Survey
    Methodology 1998). Where all clusters are alike their spread tells nothing, and
    a cluster counts as one attempt. One cluster alone speaks of itself: its attempts count.

    Args:
        clusters: the attempts on each victim.
        confidence: of the interval.

    >>> share = clustered_share([[True, True]] * 5)
    >>> share.value, round(share.low, 3), share.high
    (1.0, 0.478, 1.0)
    """
    told = [[bool(hit) for hit in cluster] for cluster in clusters if len(cluster)]
    sizes = np.array([len(cluster) for cluster in told], dtype=np.float64)
    sums = np.array([sum(cluster) for cluster in told], dtype=np.float64)
    hits, n = int(sums.sum()), int(sizes.sum())
    effective = _effective(sums, sizes, confidence) if n else 0.0
    low, high = _exact(hits / n * effective, effective, confidence) if n else (0.0, 1.0)
    return Share(hits=hits, n=n, clusters=len(told), low=low, high=high)


def _effective(sums: NDArray[np.float64], sizes: NDArray[np.float64], confidence: float) -> float:
    """Return how many independent attempts tell as much as those of the clusters."""
    n, n_clusters = float(sizes.sum()), len(sizes)
    share = float(sums.sum()) / n
    if n_clusters == 1:
        return n
    if share in (0.0, 1.0):
        return float(n_clusters)
    around = sums - share * sizes  # linearised: a ratio of two sums over clusters
    variance = n_clusters / (n_clusters - 1) * float((around**2).sum()) / n**2
    if variance == 0:
        return float(n_clusters)
    independent = share * (1 - share) / (n - 1)  # the variance that so many attempts would have
    freedom = np.array([n - 1, n_clusters - 1])
    of_attempts, of_clusters = scipy.stats.t.isf((1 - confidence) / 2, freedom)
    return min(n, n * independent / variance) * float(of_attempts / of_clusters) ** 2


def _exact(hits: float, n: float, confidence: float) -> tuple[float, float]:
    """Return the interval of Clopper and Pearson, also for numbers that are not whole."""
    tail = (1 - confidence) / 2
    low = float(scipy.stats.beta.ppf(tail, hits, n - hits + 1)) if hits > 0 else 0.0
    high = float(scipy.stats.beta.ppf(1 - tail, hits + 1, n - hits)) if hits < n else 1.0
    return low, high
