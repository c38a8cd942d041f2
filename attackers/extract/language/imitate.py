"""Imitation: a student learns from what the victim wrote, and from its mark with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

import torch
from pydantic import Field

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.world.json_values import Json
from arena.world.kinds.language import SMALL_WRITER
from arena.world.rng import Rng
from arena.world.training import Examples, Recipe


@attack("imitate")
@dataclass(frozen=True, kw_only=True)
class Imitate(Attack):
    """Asks for texts and trains a student of its own on them.

    What: the student learns the victim's language, and where its interface marks texts, to favour
    what the mark favours: its own texts are marked weakly (radioactive).
    Threat model: texts of the victim; own texts to ask with; no weights.
    Parameters: n_texts (asked for); prompt (tokens of an own text that each is asked with); epochs,
    batch, lr (of the student's training).
    Cost: one query a text; steps for epochs over all texts.
    Differences to the paper: a student from scratch, where the paper fine-tunes.
    Reference: Sander et al.: Watermarking makes language models radioactive, 2024.
    Versions: 1.
    """

    paper: ClassVar[str] = "Sander et al., NeurIPS 2024"
    needs: ClassVar[ThreatModel] = ThreatModel(output="outputs", data=1, length=40)
    task_needs: ClassVar[frozenset[str]] = frozenset({"text"})
    victim: ClassVar[Mapping[str, Json]] = SMALL_WRITER
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"n_texts": 16, "epochs": 1})

    n_texts: Annotated[int, Field(ge=1)] = 500
    prompt: Annotated[int, Field(ge=1)] = 16
    epochs: Annotated[int, Field(ge=1)] = 5
    batch: Annotated[int, Field(ge=1)] = 16
    lr: Annotated[float, Field(gt=0)] = 3e-3

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Deliver the student."""
        own = access.data().images[: self.n_texts, : self.prompt].long()
        repeated = own.repeat(-(-self.n_texts // len(own)), 1)[: self.n_texts]
        tokens = access.query(repeated).flatten()
        length = access.card.input_shape[0]
        rows = tokens[: len(tokens) // length * length].view(-1, length)
        examples = Examples(rows, torch.zeros(len(rows), dtype=torch.int64))
        recipe = Recipe(
            epochs=self.epochs, batch=self.batch, lr=self.lr, schedule="cosine", clip=1.0
        )
        start, training = rng.child("initial"), rng.child("training")
        student = access.lab.surrogate(access.card, examples, recipe, start, training)
        return Deliverable(student)
