"""Unigram: one green list for all places of a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from arena.errors import NotComparable
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Key
from arena.game.sides.defense import defense
from arena.world.json_values import Json
from defenders.language.kgw import GreenMark
from defenders.language.scheme.prf import Seeding, contexts, keyed, uniforms

N_LISTS = 20_000
ROUNDING = 1e-12  # equal shares are sums in another order


@defense("unigram")
@dataclass(frozen=True, kw_only=True)
class Unigram(GreenMark):
    """Marks texts with one green list for all places: hard to edit away, easy to learn.

    What: KGW without a context (h = 0): the same keyed half of the tokens is more probable at every
    place.
    Threat model: as for KGW; edits spoil only the tokens that they touch, and whoever counts the
    tokens of marked and of other texts knows the list.
    Parameters: gamma, delta, hard, temperature, n_texts, length as for KGW.
    Cost: as for KGW.
    Differences to the paper: occurrences of one token have one colour, so they are no independent
    trials, and the paper's p-value does not hold. Here p is the rank of the green share among those
    of N_LISTS random lists for the same text. On bytes, of which few letters make most of a text,
    that leaves little to tell a list by: there it is a control.
    Reference: Zhao, Ananth, Li, Wang: Provable robust watermarking for AI-generated text, 2024.
    Versions: 1.
    """

    paper: ClassVar[str] = "Zhao et al., ICLR 2024"
    control: ClassVar[bool] = True
    lists: ClassVar[bool] = False
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({**GreenMark.quick, "level": 1e-4})

    gamma: Annotated[float, Field(gt=0, lt=1)] = 0.5

    @property
    def rule(self) -> tuple[int, Seeding]:
        """Return a width of 0."""
        return 0, "ordered"

    def judged(self, key: Key, texts: Sequence[Tensor]) -> Verdict:
        """Compare the share of green tokens with those that random lists give the same texts."""
        tokens = torch.cat([torch.zeros(0).long(), *texts])
        if not len(tokens):
            raise NotComparable("the texts are empty")
        distinct, counts = tokens.unique(return_counts=True)
        weights = counts.double() / len(tokens)
        shares = self._shares(keyed(key.seed), distinct, weights, 1)
        nulls = self._shares(keyed(key.seed + "nulls"), distinct, weights, N_LISTS)
        share = float(shares[0])
        p_value = (1 + int((nulls >= share - ROUNDING).sum())) / (1 + N_LISTS)
        most = int(self.level * (1 + N_LISTS)) - 1  # nulls that may reach a copy's share
        return Verdict(
            is_copy=p_value <= self.level,
            p_value=p_value,
            statistic=share,
            threshold=float(nulls.sort(descending=True).values[max(most, 0)]),
            name=self.statistic[0],
            copies=self.statistic[1],
            reason=f"{share:.3f} of {len(tokens)} tokens are green, {self.gamma:.3f} by chance",
            figures={"scored": len(distinct), "green_share": share},
        )

    def _shares(self, key: int, tokens: Tensor, weights: Tensor, n: int) -> Tensor:
        """Return the weighted share of green tokens (n,) under each of n lists of a key."""
        return self.lists_of(key, tokens, n).double() @ weights

    def lists_of(self, key: int, tokens: Tensor, n: int) -> Tensor:
        """Return which of some tokens (t,) are green in each of n lists of a key, (n, t)."""
        lists = contexts(torch.zeros(1, 0).long(), key, "ordered")
        if n > 1:
            lists = contexts(torch.arange(n)[:, None], key, "ordered")
        return uniforms(lists[:, None], tokens) < self.gamma
