"""The Gumbel-max mark: the draw of each token is keyed, and no probability is changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from arena.errors import ArenaError, NotComparable
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Key
from arena.game.serving.wrapper import wrapper
from arena.game.sides.defense import OwnerTask, Protected, defense
from arena.game.sides.player import Dial
from arena.world.json_values import Json
from arena.world.kinds.tokens import BYTES, Tokenizer
from arena.world.rng import Rng
from defenders.language.marks import MarkedTexts, TextMark
from defenders.language.scheme.prf import contexts, keyed, uniforms
from defenders.language.scheme.scoring import gamma_bound, gamma_tail, repeats, scored


@wrapper("gumbel-texts")
@dataclass(frozen=True, kw_only=True)
class GumbelTexts(MarkedTexts):
    """Writes the token with the largest u^(1/p); behind a window that stood before, any by chance.

    u is a keyed number of the window and the token. Over keys each token is drawn with its own
    probability, so nothing is distorted.
    """

    paper: ClassVar[str] = "Aaronson 2022"

    width: Annotated[int, Field(ge=1)] = 4

    @property
    def reads(self) -> int:
        """Return the width of windows."""
        return self.width

    def marked(self, tokens: Tensor, scores: Tensor) -> Tensor:
        """Leave one token that can be drawn, except behind a window that stood before.

        Tokens that differ by capitals alone have one number, so they are drawn as one, and which of
        them it is by chance.
        """
        context = contexts(tokens[:, -self.width :], keyed(self.secret), "ordered")
        u = uniforms(context[:, None], torch.arange(scores.shape[1]))
        shares = scores.double().exp()
        shares = torch.zeros_like(shares).index_add_(1, self.small, shares)  # of all of a kind
        best = (u.log() / shares).argmax(1, keepdim=True)  # log u^(1/p)
        drawn = scores.masked_fill(self.small != best, -torch.inf).log_softmax(1)
        return torch.where(repeats(tokens, self.width)[:, None], scores, drawn)


@defense("gumbel")
@dataclass(frozen=True, kw_only=True)
class Gumbel(TextMark):
    """Marks texts by a keyed draw: on average over keys no text is more probable than before.

    What: with p the probability of a token and u its keyed number behind the last h tokens, the
    interface writes the token with the largest u^(1/p). Tokens of a marked text have large u; under
    any other key, and in any other text, u is uniform.
    Threat model: as for KGW: whoever passes on what the model wrote.
    Parameters: width (h); temperature (above 0: greedy decoding draws nothing, so there is nothing
    to mark); n_texts and length (what a suspect that is a model is made to write).
    Cost: one hash for each token and place; the same prompt is answered by the same text, but for
    the first h tokens and windows that recur.
    Differences to the paper: a text goes on by chance behind a window that stood in it before, else
    it would repeat itself; each pair of window and token is scored once; a token has the number of
    its lower case.
    Reference: Aaronson: Watermarking of large language models, talk at the Simons Institute, 2022;
    Kuditipudi et al.: Robust distortion-free watermarks for language models, 2024.
    Versions: 1.
    """

    paper: ClassVar[str] = "Aaronson 2022"
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("keyed surprise", "high")
    dial: ClassVar[Dial] = Dial("temperature", 0.3, 1.5)

    width: Annotated[int, Field(ge=1)] = 4

    @property
    def reading(self) -> dict[str, Json]:
        """Return how many tokens are a context."""
        return {"width": self.width}

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Release the model as it is, behind an interface that marks what it writes.

        Raises:
            ArenaError: decoding is greedy, which no draw can mark.
        """
        if self.temperature == 0:
            raise ArenaError(
                "not markable: greedy decoding draws no token, so no draw can carry a mark; set a "
                "temperature above 0"
            )
        return super().protect(task, rng)

    def wrapper(self, secret: str, tokens: Tokenizer = BYTES) -> GumbelTexts:
        """Return the interface that draws by the key."""
        return GumbelTexts(
            secret=secret,
            temperature=self.temperature,
            width=self.width,
            tensors={"small": tokens.small},
        )

    def judged(self, key: Key, texts: Sequence[Tensor]) -> Verdict:
        """Sum -ln(1 - u) over the scored tokens; p is the tail of the Gamma distribution.

        The statistic is 1 - exp(-mean), which lies in [0, 1]: 0.63 by chance.
        """
        places = scored(texts, self.width, keyed(key.seed), "ordered")
        n = places.n
        if not n:
            raise NotComparable("the texts are too short for a mark to be read")
        total = float(-torch.log1p(-uniforms(places.contexts, places.tokens)).sum())
        p_value = gamma_tail(total, n)
        return Verdict(
            is_copy=p_value <= self.level,
            p_value=p_value,
            statistic=-math.expm1(-total / n),
            threshold=-math.expm1(-gamma_bound(n, self.level) / n),
            name=self.statistic[0],
            copies=self.statistic[1],
            reason=f"{n} scored tokens have a mean score of {total / n:.3f}, 1 by chance",
            figures={"scored": n, "score": total},
        )
