"""Paraphrase: a second model masks characters and draws others that fit on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from arena.game.sides.access import Access
from arena.game.sides.attack import attack
from arena.game.sides.lab import Lab
from arena.game.sides.player import Dial
from arena.world.json_values import Json
from arena.world.kinds.language import tokens_of
from arena.world.models import Model
from arena.world.rng import Rng
from attackers.launder.edits import Share
from attackers.launder.own_writer import own_writer
from attackers.launder.texts import Launderer

_LEFT, _RIGHT = 24, 4  # tokens that a new one has to fit between
_CANDIDATES = 8


def resampled(lab: Lab, model: Model, tokens: Tensor, at: int, draw: torch.Generator) -> Tensor:
    """Return tokens (N, t) with another one at a place: drawn by how well it fits on both sides.

    Args:
        lab: of the thief.
        model: its own model.
        tokens: of the texts.
        at: the place, with 24 tokens before and 4 behind it.
        draw: of the choice among the 8 most probable others.
    """
    left, right = tokens[:, at - _LEFT : at], tokens[:, at + 1 : at + 1 + _RIGHT]
    before = lab.logits(model, left)[:, -1].log_softmax(1)
    before.scatter_(1, tokens[:, at : at + 1], -torch.inf)  # another one
    value, candidate = before.topk(_CANDIDATES, 1)  # (N, K)
    whole = torch.cat([left, left[:, :1], right], 1)[:, None].repeat(1, _CANDIDATES, 1)
    whole[:, :, _LEFT] = candidate
    rows = lab.logits(model, whole.flatten(0, 1))[:, _LEFT:-1].log_softmax(2)
    behind = rows.gather(2, whole.flatten(0, 1)[:, _LEFT + 1 :, None]).sum((1, 2))
    shares = (value + behind.view_as(value)).softmax(1)
    chosen = candidate.gather(1, torch.multinomial(shares, 1, generator=draw))
    return torch.cat([tokens[:, :at], chosen, tokens[:, at + 1 :]], 1)


def paraphrased(lab: Lab, model: Model, tokens: Tensor, share: float, rng: Rng) -> Tensor:
    """Return tokens (N, t) with others in a share of the places, the same ones in every text.

    Args:
        lab: of the thief.
        model: its own model, as in `resampled`.
        tokens: of the texts.
        share: of the places; the first 24 and the last 4 stay as they are.
        rng: of places and tokens.
    """
    places = range(_LEFT, tokens.shape[1] - _RIGHT)
    order = rng.child("places").numpy().permutation(places)
    draw = rng.child("draws").torch()
    for at in order[: round(share * tokens.shape[1])]:
        tokens = resampled(lab, model, tokens, int(at), draw)
    return tokens


@attack("paraphrase")
@dataclass(frozen=True, kw_only=True)
class Paraphrase(Launderer):
    """Masks a share of the characters and lets a model of its own fill them in.

    What: one place after the other gets another character, drawn by the probability that the own
    model gives it behind what stands before and before what stands behind.
    Threat model: texts of the victim; own texts to ask with and to train the second model on.
    Parameters: share (of characters); steps (of the own model's training); n_texts, prompt as for
    PassOn.
    Cost: one query a text; a model trained, and nine short passes for each masked character.
    Differences to the paper: one character at a time by a model that reads from left to right, in
    place of spans by T5; all texts are masked at the same places.
    Reference: Kirchenbauer et al.: A watermark for large language models, 2023; Krishna et al.:
    Paraphrasing evades detectors of AI-generated text, 2023.
    Versions: 1.
    """

    paper: ClassVar[str] = "Kirchenbauer et al., ICML 2023"
    dial: ClassVar[Dial] = Dial("share", 0.05, 0.6)
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"steps": 4, "n_texts": 2, "share": 0.1})

    share: Share = 0.3
    steps: Annotated[int, Field(ge=1)] = 400

    def laundered(self, texts: tuple[str, ...], access: Access, rng: Rng) -> tuple[str, ...]:
        """Return the texts with other characters in some places; ends of long ones stay."""
        model = own_writer(access, self.steps, rng.child("writer"))
        cut = tokens_of(access.card)
        tokens = [cut.encode(text) for text in texts]
        length = min(map(len, tokens))
        body = torch.stack([each[:length] for each in tokens])
        body = paraphrased(access.lab, model, body, self.share, rng)
        whole = [torch.cat([row, each[length:]]) for row, each in zip(body, tokens, strict=True)]
        return cut.texts(whole)
