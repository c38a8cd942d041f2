"""A solution: ask about images that differ, learn with augmentation, label the rest oneself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from arena.game import Access, Attack, Deliverable, Rng, ThreatModel, attack
from arena.world.training import Augment, Examples, Recipe


def spread(images: Tensor, n: int, rng: Rng) -> Tensor:
    """Return the indices (n,) of images that are far apart: the greedy k-centre choice."""
    points = images.float().flatten(1)
    chosen = [int(torch.randint(len(points), (1,), generator=rng.torch()))]
    nearest = (points - points[chosen[0]]).norm(dim=1)
    while len(chosen) < min(n, len(points)):
        chosen.append(int(nearest.argmax()))
        nearest = torch.minimum(nearest, (points - points[chosen[-1]]).norm(dim=1))
    return torch.tensor(chosen)


@attack("spread-and-learn")
@dataclass(frozen=True, kw_only=True)
class Mine(Attack):
    """Asks about images that are far apart, and spreads the answers over all that it has.

    What: a k-centre choice of queries; a first network learns the answers under augmentation and
    labels the images that were not asked about; a second one learns from all of them.
    Threat model: probabilities, and unlabelled images of the thief's own.
    Parameters: n (images that are asked about); epochs; lr of Adam; rotation (degrees), shift.
    Cost: n queries, optimiser steps of two trainings, two models.
    Differences to the paper: one round of self-training, soft labels.
    Reference: Sener and Savarese: Active learning for CNNs: a core-set approach, ICLR 2018.
    Versions: 1.
    """

    paper: ClassVar[str] = "Sener and Savarese, ICLR 2018"
    needs: ClassVar[ThreatModel] = ThreatModel(output="probabilities", data=1)

    n: int = 100
    epochs: int = 120
    lr: float = 2e-3
    rotation: float = 8.0
    shift: float = 0.08

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Ask, learn, label the rest, learn again."""
        own = access.data().images
        asked = own[spread(own, self.n, rng.child("choice"))]
        answered = Examples(asked, access.soft_answers(asked))
        first = access.lab.build(access.card, rng.child("first"))
        augment = Augment(rotation=self.rotation, shift=self.shift)
        recipe = Recipe(lr=self.lr, epochs=self.epochs, batch=32, augment=augment)
        access.lab.train(first, answered, recipe, rng.child("first", "training"))
        guessed = access.lab.logits(first, own).softmax(1)
        both = Examples(torch.cat([asked, own]), torch.cat([answered.targets, guessed]))
        copy = access.lab.build(access.card, rng.child("copy"))
        shorter = Recipe(lr=self.lr, epochs=self.epochs // 4, batch=32, augment=augment)
        access.lab.train(copy, both, shorter, rng.child("copy", "training"))
        print(f"asked about {len(asked)} of {len(own)} images")
        return Deliverable(copy)
