"""A student captioner: a model that learns what the victim says of the thief's own images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

from pydantic import Field

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.json_values import Json
from arena.world.kinds.captioner import SMALL_CAPTIONER
from arena.world.rng import Rng
from arena.world.training import Examples, Recipe


@attack("student-captioner")
@dataclass(frozen=True, kw_only=True)
class StudentCaptioner(Attack):
    """Trains a captioner of its own on the victim's captions of the thief's images.

    What: extraction by answers alone; what is hidden in the victim's states is never seen.
    Threat model: captions of the victim; unlabelled own images; no weights.
    Parameters: n_queries (at most so many own images are asked); epochs; lr of Adam, falling to
    nothing; batch (images).
    Cost: one query an image; epochs * ceil(n / batch) optimiser steps.
    Differences to the paper: Knockoff's, which learns rows of probabilities; a caption has none.
    Reference: Orekondy, Schiele, Fritz: Knockoff nets, 2019 (the idea).
    Versions: 1.
    """

    paper: ClassVar[str] = "Orekondy et al., CVPR 2019"
    needs: ClassVar[ThreatModel] = ThreatModel(output="outputs", data=1)
    task_needs: ClassVar[frozenset[str]] = frozenset({"captions"})
    victim: ClassVar[Mapping[str, Json]] = SMALL_CAPTIONER
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"n_queries": 64, "epochs": 1})
    dial: ClassVar[Dial] = Dial("n_queries", 100, 10_000, "log")

    n_queries: Annotated[int, Field(ge=1)] = 10_000
    epochs: Annotated[int, Field(ge=1)] = 10
    lr: Annotated[float, Field(gt=0)] = 5e-3
    batch: Annotated[int, Field(ge=1)] = 64

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Deliver the student."""
        images = access.data().images[: self.n_queries]
        captions = access.query(images)
        examples = Examples(images[: len(captions)], captions)
        recipe = Recipe(
            epochs=self.epochs, batch=self.batch, lr=self.lr, schedule="cosine", clip=1.0
        )
        start, training = rng.child("initial"), rng.child("training")
        student = access.lab.surrogate(access.card, examples, recipe, start, training)
        return Deliverable(student)
