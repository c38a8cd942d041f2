"""An n-gram model of characters: the referee's other model, which no player has."""

from __future__ import annotations

import math
from collections import Counter, defaultdict


class NGrams:
    """Interpolated counts of characters behind up to `order - 1` others (Witten and Bell 1991)."""

    def __init__(self, text: str, order: int) -> None:
        self.order = order
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for at, character in enumerate(text):
            for size in range(min(order - 1, at) + 1):
                self._counts[text[at - size : at]][character] += 1

    def probability(self, behind: str, character: str) -> float:
        """Return the probability of a character behind some others."""
        share = 1 / 65_536
        for size in range(len(behind) + 1):
            counts = self._counts.get(behind[len(behind) - size :])
            if counts:
                n, distinct = counts.total(), len(counts)
                share = (counts[character] + distinct * share) / (n + distinct)
        return share

    def bits(self, text: str) -> float:
        """Return the bits a character that a text needs."""
        needed = (
            -math.log2(self.probability(text[max(0, at - self.order + 1) : at], text[at]))
            for at in range(len(text))
        )
        return sum(needed) / max(len(text), 1)
