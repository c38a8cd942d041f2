"""Separators: each token is asked for behind one that is left out of the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.lab import Lab
from arena.game.sides.outputs import Outputs
from arena.world.json_values import Json
from arena.world.kinds.language import SMALL_WRITER, tokens_of
from arena.world.models import Model
from arena.world.rng import Rng
from attackers.launder.own_writer import own_writer
from attackers.launder.texts import ASKS

_TRIED = 16  # texts on which separators are compared


def least_disturbing(lab: Lab, model: Model, rows: Tensor) -> int:
    """Return the token behind which a model predicts most nearly what it does without it.

    Args:
        lab: of the thief.
        model: its own.
        rows: texts (N, t), shorter than the model's context.

    The least Kullback-Leibler divergence of the two predictions, the mean over the texts.
    """
    bare = lab.logits(model, rows)[:, -1].log_softmax(1)
    losses = []
    for token in range(model.card.vocabulary):
        behind = torch.cat([rows, rows.new_full((len(rows), 1), token)], 1)
        seen = lab.logits(model, behind)[:, -1].log_softmax(1)
        losses.append(float((bare.exp() * (bare - seen)).sum(1).mean()))
    return min(range(len(losses)), key=losses.__getitem__)


@attack("separate")
@dataclass(frozen=True, kw_only=True)
class Separate(Attack):
    """Asks for one token at a time behind a separator, and leaves the separators out.

    What: whoever chooses what stands before a token chooses the window by which it is marked. With
    a separator at its end no window of the text that is passed on is one that a list was drawn for;
    the separator is the token that disturbs a model of the thief's own the least.
    Threat model: answers to prompts of the thief's choice; own texts to ask with and to train on.
    Parameters: length (tokens of a text); steps (of the own model's training); n_texts, prompt as
    for PassOn.
    Cost: one query a token; one model trained. What is written behind separators is worse.
    Differences to the paper: the paper asks a model in words to write an emoji behind every word; a
    model that follows no orders is shown the separator by the prompt, which costs a query a token.
    Reference: Kirchenbauer et al.: A watermark for large language models, 2023, section 7.
    Versions: 1.
    """

    needs: ClassVar[ThreatModel] = ASKS
    task_needs: ClassVar[frozenset[str]] = frozenset({"text"})
    victim: ClassVar[Mapping[str, Json]] = SMALL_WRITER
    paper: ClassVar[str] = "Kirchenbauer et al., ICML 2023"
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"steps": 4, "n_texts": 2, "length": 8})

    length: Annotated[int, Field(ge=1)] = 120
    steps: Annotated[int, Field(ge=1)] = 200
    n_texts: Annotated[int, Field(ge=1)] = 16
    prompt: Annotated[int, Field(ge=1)] = 16

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Write texts token by token, and pass them on."""
        rows, room = access.data().images.long(), access.card.input_shape[0] - 1
        model = own_writer(access, self.steps, rng.child("writer"))
        token = least_disturbing(access.lab, model, rows[:_TRIED, : self.prompt])
        texts = rows[: self.n_texts, : self.prompt]
        mark = texts.new_full((len(texts), 1), token)
        for _ in range(self.length):
            answer = access.query(torch.cat([texts[:, -room:], mark], 1), length=1)
            texts = torch.cat([texts, answer.long()], 1)
        return Deliverable(outputs=Outputs(tokens_of(access.card).texts(texts[:, self.prompt :])))
