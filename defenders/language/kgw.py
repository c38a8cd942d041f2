"""KGW and its kin: tokens of a keyed green list are favoured, and a text has too many of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from arena.errors import NotComparable
from arena.game.court.statistics import binomial_tail, least_hits
from arena.game.court.verdict import Rule, Verdict
from arena.game.rules.keys import Key
from arena.game.serving.wrapper import Answer, Client, wrapper
from arena.game.sides.defense import defense
from arena.game.sides.player import Dial
from arena.world.json_values import Json
from arena.world.kinds.tokens import BYTES, Tokenizer
from defenders.language.marks import MarkedTexts, TextMark
from defenders.language.scheme.colours import Colouring
from defenders.language.scheme.prf import Seeding, keyed

Z_OF_THE_PAPER = 4.0


@wrapper("green-texts")
@dataclass(frozen=True, kw_only=True)
class GreenTexts(MarkedTexts):
    """Writes with green tokens raised by `delta`, or, `hard`, with green tokens alone."""

    paper: ClassVar[str] = "Kirchenbauer et al., ICML 2023"

    width: Annotated[int, Field(ge=0)] = 4
    seeding: Seeding = "ordered"
    lists: bool = True
    gamma: Annotated[float, Field(gt=0, lt=1)] = 0.25
    delta: Annotated[float, Field(ge=0)] = 2.0
    hard: bool = False

    @property
    def colouring(self) -> Colouring:
        """Return which tokens are green."""
        key = keyed(self.secret)
        return Colouring(key, self.width, self.seeding, self.gamma, len(self.small), self.lists)

    @property
    def reads(self) -> int:
        """Return the tokens before a place that colour it."""
        return self.colouring.reads

    def marked(self, tokens: Tensor, scores: Tensor) -> Tensor:
        """Raise the green tokens; where a hard mark finds none that can follow, leave all."""
        green = self.colouring.green(tokens[:, tokens.shape[1] - self.reads :])[:, self.small]
        if not self.hard:
            return scores + self.delta * green
        only = scores.masked_fill(~green, -torch.inf)
        return torch.where(only.isfinite().any(1, keepdim=True), only, scores)

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        """Return the probabilities (N, T, V) that it writes by, marked at every place."""
        rows, tokens = answer(inputs), self.small[inputs.long()]
        n, length, vocabulary = rows.shape
        first = max(self.reads - 1, 0)
        if length <= first:
            return rows
        if self.reads:
            before = tokens.unfold(1, self.reads, 1).reshape(-1, self.reads)
        else:
            before = tokens.new_zeros(n * length, 0)
        scores = rows[:, first:].clamp_min(1e-30).log().reshape(-1, vocabulary)
        marked = self.marked(before, scores).softmax(1).to(rows.dtype)
        return torch.cat([rows[:, :first], marked.view(n, length - first, vocabulary)], 1)


@dataclass(frozen=True, kw_only=True)
class GreenMark(TextMark):
    """Base class of marks by green lists; `rule` says which list stands where.

    Class attributes: `lists`, whether green lists have a fixed size.
    """

    lists: ClassVar[bool] = True
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("green share", "high")
    dial: ClassVar[Dial] = Dial("delta", 0.5, 5.0)
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({**TextMark.quick, "delta": 1.0})

    gamma: Annotated[float, Field(gt=0, lt=1)] = 0.25
    delta: Annotated[float, Field(ge=0)] = 2.0
    hard: bool = False

    @property
    @abstractmethod
    def rule(self) -> tuple[int, Seeding]:
        """Return the width of windows and how they give contexts."""

    @property
    def reading(self) -> dict[str, Json]:
        """Return what says which tokens are green."""
        width, seeding = self.rule
        return {"width": width, "seeding": seeding, "gamma": self.gamma}

    def wrapper(self, secret: str, tokens: Tokenizer = BYTES) -> GreenTexts:
        """Return the interface that favours green tokens."""
        width, seeding = self.rule
        return GreenTexts(
            secret=secret,
            temperature=self.temperature,
            width=width,
            seeding=seeding,
            lists=self.lists,
            gamma=self.gamma,
            delta=self.delta,
            hard=self.hard,
            tensors={"small": tokens.small},
        )

    def judged(self, key: Key, texts: Sequence[Tensor]) -> Verdict:
        """Count green tokens; p is the tail of the binomial distribution."""
        vocabulary = int(key.settings["vocabulary"])
        colours = Colouring(keyed(key.seed), *self.rule, self.gamma, vocabulary, self.lists)
        places = colours.scored(texts)
        n, chance = places.n, colours.chance
        if not n:
            raise NotComparable("the texts are too short for a mark to be read")
        hits = colours.hits(places)
        p_value = binomial_tail(hits, n, chance)
        z = (hits - chance * n) / (n * chance * (1 - chance)) ** 0.5
        return Verdict(
            is_copy=p_value <= self.level,
            p_value=p_value,
            statistic=hits / n,
            threshold=(least_hits(n, chance, self.level) - 0.5) / n,
            name=self.statistic[0],
            copies=self.statistic[1],
            reason=f"{hits} of {n} scored tokens are green, {chance:.3f} by chance",
            rule=Rule("z > 4", z > Z_OF_THE_PAPER),
            figures={"scored": n, "green": hits, "z": z},
        )


@defense("kgw")
@dataclass(frozen=True, kw_only=True)
class KGW(GreenMark):
    """Marks texts: behind each context a keyed quarter of the tokens is more probable.

    What: the tokens before a place give, with the key, a green list; the interface adds delta to
    the logits of its tokens before it draws. A text of the model has more green tokens than chance,
    which key and tokenizer suffice to see.
    Threat model: whoever passes on what the model wrote; verification reads the text alone. Erasing
    takes rewriting most windows of h tokens; a list is learnt by counting where h is 1.
    Parameters: gamma (share of green tokens); delta (added to their logits); hard (green tokens
    alone, delta -> infinity); seeding (lefthash: by the token before, minhash: by the least hash of
    h tokens, selfhash: the same with the token itself, ordered: by a hash of all h in their order);
    width (h; lefthash has 1); temperature; n_texts and length (what a suspect that is a model is
    made to write).
    Cost: one hash for each token and place; bits a character, the more the larger delta.
    Differences to the paper: an integer hash in place of torch's generator, so devices agree; on
    bytes all but "ordered" leave few different pairs of context and token, each of which is scored
    once, so that is the default; with selfhash each token is green by itself with probability
    gamma; p is the exact binomial tail (paper: z > 4, reported as its rule); letters have the
    colour of their lower case.
    Reference: Kirchenbauer et al.: A watermark for large language models, 2023; On the reliability
    of watermarks for large language models, 2024.
    Versions: 1.
    """

    paper: ClassVar[str] = "Kirchenbauer et al., ICML 2023"

    seeding: Seeding = "ordered"
    width: Annotated[int, Field(ge=1)] = 4

    @property
    def rule(self) -> tuple[int, Seeding]:
        """Return the width of windows, 1 for lefthash, and the seeding."""
        return 1 if self.seeding == "lefthash" else self.width, self.seeding


@defense("sbw")
@dataclass(frozen=True, kw_only=True)
class SBW(GreenMark):
    """Marks texts like KGW, with a context of all h tokens in their order.

    What: a token is green where a pseudo-random number of key, context and token is below gamma: no
    list is drawn up, and contexts are as many as there are windows.
    Threat model: as for KGW; lists cannot be learnt by counting where windows seldom recur, and
    each edit spoils the h places behind it.
    Parameters: width (h); gamma, delta, hard, temperature, n_texts, length as for KGW.
    Cost: as for KGW.
    Differences to the paper: splitmix64 is the pseudo-random function; what is scored as for KGW.
    Reference: the token-wise variant of Kirchenbauer et al., 2023.
    Versions: 1.
    """

    paper: ClassVar[str] = "Kirchenbauer et al., ICML 2023 (token-wise)"
    lists: ClassVar[bool] = False

    width: Annotated[int, Field(ge=1)] = 4

    @property
    def rule(self) -> tuple[int, Seeding]:
        """Return the width of windows, hashed in their order."""
        return self.width, "ordered"
