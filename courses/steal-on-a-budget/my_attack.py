"""Your extraction attack. This one asks about ten images, and learns little from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from arena.game import Access, Attack, Deliverable, Rng, ThreatModel, attack
from arena.world.training import Examples, Recipe


@attack("mine")
@dataclass(frozen=True, kw_only=True)
class Mine(Attack):
    """Trains a network on the answers to a few images.

    What: a fresh network learns what the victim says of the first images that the thief has.
    Threat model: probabilities, and unlabelled images of the thief's own.
    Parameters: n (images that are asked about); epochs.
    Cost: n queries, epochs * ceil(n / 32) optimiser steps, one model.
    Differences to the paper: far fewer queries.
    Reference: Tramer et al.: Stealing machine learning models via prediction APIs, 2016.
    Versions: 1.
    """

    paper: ClassVar[str] = "coursework"
    needs: ClassVar[ThreatModel] = ThreatModel(output="probabilities", data=1)

    n: int = 10
    epochs: int = 5

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Ask, then learn."""
        images = access.data().images[: self.n]
        examples = Examples(images, access.soft_answers(images))
        copy = access.lab.build(access.card, rng.child("model"))
        recipe = Recipe(lr=1e-3, epochs=self.epochs, batch=32)
        access.lab.train(copy, examples, recipe, rng.child("training"))
        return Deliverable(copy)
