"""How a logo in a suspect's images is told from chance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from arena.game.court.statistics import binomial_tail, rank_p_value
from arena.game.court.verdict import Rule, Verdict
from defenders.generators.scheme.key import GeneratorKey
from defenders.generators.scheme.logo import HASH_BITS, decoy_hashes, hashes

_PAPER_LEVEL = 0.01  # of the paper's test of each image


@dataclass(frozen=True, eq=False)
class LogoReading:
    """How much of a logo is in the corners of images that a suspect made of triggers.

    The statistic is the median over images of the share of the hash's bits that agree with the
    logo's. Two nulls are asked. A suspect that knows nothing of the key shows the owner's logo no
    better than others that might have been drawn (exact over keys); an image without a mark shows
    this very logo no better than the owner's unmarked images do.

    Attributes:
        agreements: (K,) of the suspect's images with the logo.
        decoys: (M,) the median agreement of the same images with each decoy.
        unmarked: (N,) of the owner's unmarked images with the logo.
        similarity: mean SSIM with what the trigger should bring out.
    """

    agreements: Tensor
    decoys: Tensor
    unmarked: Tensor
    similarity: float

    @classmethod
    def of(cls, key: GeneratorKey, crops: Tensor, similarity: Tensor, n_decoys: int) -> LogoReading:
        """Read crops (K, C, S, S) of images that a suspect made of the key's triggers."""
        found = hashes(crops)
        others = _agreements(found, decoy_hashes(key.side, n_decoys))  # (K, M)
        return cls(
            agreements=_agreements(found, hashes(key.logo[None]))[:, 0],
            decoys=others.quantile(0.5, 0),
            unmarked=key.null_agreements,
            similarity=float(similarity.mean()),
        )

    @property
    def median(self) -> float:
        """Return the statistic."""
        return float(self.agreements.quantile(0.5))

    @property
    def p_value(self) -> float:
        """Return the larger of the two p-values; each ends at one over the number of its nulls."""
        ranks = [rank_p_value(self.median, nulls.tolist(), high=True) for nulls in self._nulls()]
        return max(ranks)

    def _nulls(self) -> tuple[Tensor, Tensor]:
        return self.decoys, self.unmarked

    def verdict(self, level: float) -> Verdict:
        """Return the verdict at a level."""
        p, median = self.p_value, self.median
        rule = _binomial_share(self.agreements)
        return Verdict(
            is_copy=p <= level,
            p_value=p,
            statistic=median,
            threshold=max(_bound(nulls, level) for nulls in self._nulls()),
            name="hash agreement",
            copies="high",
            reason=f"{median:.2f} of the hash's bits agree with the logo's",
            rule=Rule(f"binomial p < {_PAPER_LEVEL} for most images", rule > 0.5),
            figures={
                "logo/agreement": median,
                "logo/p_value": p,
                "logo/ssim": self.similarity,
                "logo/binomial_share": rule,
            },
        )


def _agreements(found: Tensor, logos: Tensor) -> Tensor:
    """Return the share of bits (K, M) in which hashes (K, B) agree with those (M, B) of logos."""
    return (found.double() * 2 - 1) @ (logos.double() * 2 - 1).T / (2 * HASH_BITS) + 0.5


def _bound(nulls: Tensor, level: float) -> float:
    """Return the value above which the rank p-value is at most a level; 1 where none is."""
    most = math.floor(level * (1 + len(nulls)) + 1e-9) - 1  # nulls that may lie as high
    ranked = np.sort(nulls.numpy())[::-1]
    return float(ranked[most]) if 0 <= most < len(ranked) else 1.0


def _binomial_share(agreements: Tensor) -> float:
    """Return the share of images whose bits agree at the paper's level of the binomial test."""
    hits = [round(value * HASH_BITS) for value in agreements.tolist()]
    tails = [binomial_tail(hit, HASH_BITS) for hit in hits]
    return sum(p < _PAPER_LEVEL for p in tails) / len(tails)
