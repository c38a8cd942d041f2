"""Green tokens: which they are behind a context, and how many a text has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from defenders.language.scheme.prf import Seeding, contexts, green_lists, list_size, uniforms
from defenders.language.scheme.scoring import Scored, scored

_MOST_HELD = 2**24  # entries of green lists that are drawn up at once


@dataclass(frozen=True)
class Colouring:
    """Which tokens are green behind every context, both without capitals (`Tokenizer.folded`).

    Attributes:
        key: see `prf.keyed`.
        width: tokens in a window, h; 0 for one list everywhere.
        seeding: how windows give contexts.
        gamma: the share of green tokens.
        vocabulary: number of tokens, V.
        lists: green lists hold floor(gamma V) tokens exactly; else, and where the token is part of
            its own context, each token is green by itself with probability gamma.
    """

    key: int
    width: int
    seeding: Seeding
    gamma: float
    vocabulary: int
    lists: bool = True

    @property
    def fixed(self) -> bool:
        """Return whether green lists have a fixed size."""
        return self.lists and self.seeding != "selfhash"

    @property
    def reads(self) -> int:
        """Return how many tokens must stand before a place for it to be coloured."""
        return self.width - (self.seeding == "selfhash")

    @property
    def chance(self) -> float:
        """Return the probability that a token is green under a random key."""
        if not self.fixed:
            return self.gamma
        return list_size(self.gamma, self.vocabulary) / self.vocabulary

    def green(self, before: Tensor) -> Tensor:
        """Return the green tokens (M, V) behind M windows of `reads` tokens (M, reads)."""
        every = torch.arange(self.vocabulary)
        if self.seeding == "selfhash":
            own = contexts(every[:, None], self.key, "selfhash")[None]  # (1, V)
            if self.reads:
                own = torch.minimum(contexts(before, self.key, "selfhash")[:, None], own)
            return uniforms(own, every) < self.gamma
        context = contexts(before, self.key, self.seeding)
        if self.fixed:
            return green_lists(context, self.gamma, self.vocabulary)
        return uniforms(context[:, None], every) < self.gamma

    def scored(self, texts: Sequence[Tensor], *, once: bool = True) -> Scored:
        """Return what of folded texts is scored; see `scoring.scored`."""
        return scored(texts, self.width, self.key, self.seeding, once=once)

    def hits(self, places: Scored) -> int:
        """Return how many of the scored tokens are green."""
        if not self.fixed:
            return int((uniforms(places.contexts, places.tokens) < self.gamma).sum())
        known, which = places.contexts.unique(return_inverse=True)
        hits = 0
        for first in range(0, len(known), at_once := max(1, _MOST_HELD // self.vocabulary)):
            green = green_lists(known[first : first + at_once], self.gamma, self.vocabulary)
            here = (which >= first) & (which < first + at_once)
            hits += int(green[which[here] - first, places.tokens[here]].sum())
        return hits
