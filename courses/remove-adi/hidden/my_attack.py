"""A solution: a fresh network learns what the stolen one says of the thief's own images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from arena.game import Access, Attack, Deliverable, Rng, ThreatModel, attack
from arena.world.training import Augment, Examples, Recipe


@attack("fresh-student")
@dataclass(frozen=True, kw_only=True)
class Mine(Attack):
    """Trains fresh weights on the stolen model's probabilities; the triggers are never shown.

    What: distillation into the same architecture. The mark lives in answers to abstract images,
    and those are not among the thief's, so nothing teaches the copy what they were labelled.
    Threat model: weights, and images of the thief's own.
    Parameters: epochs; lr of Adam; batch (images); rotation (degrees) and shift (share of a side).
    Cost: epochs * ceil(n / batch) optimiser steps, one model, no queries.
    Differences to the paper: soft answers at temperature 1, and light augmentation.
    Reference: Hinton et al.: Distilling the knowledge in a neural network, 2015.
    Versions: 1.
    """

    paper: ClassVar[str] = "Hinton et al., 2015"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", data=0.3, data_labels=True)

    epochs: int = 60
    lr: float = 2e-3
    batch: int = 32
    rotation: float = 8.0
    shift: float = 0.08

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Let fresh weights learn the stolen model's answers."""
        stolen, images = access.model(), access.data().images
        examples = Examples(images, access.lab.logits(stolen, images).softmax(1))
        copy = access.lab.build(access.card, rng.child("model"))
        augment = Augment(rotation=self.rotation, shift=self.shift)
        recipe = Recipe(lr=self.lr, epochs=self.epochs, batch=self.batch, augment=augment)
        access.lab.train(copy, examples, recipe, rng.child("training"))
        print(f"trained on {len(images)} images")
        return Deliverable(copy)
