"""Extraction: a fresh model learns the victim's answers to images that the thief has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.rng import Rng
from arena.world.training import Augment, Examples, Recipe


def drawn(images: Tensor, n: int | None, rng: Rng) -> Tensor:
    """Return `n` of the images in random order, without replacement; all of them for None.

    A pool that is smaller than `n` is asked once and no more: repeats are billed and say nothing.
    """
    order = torch.randperm(len(images), generator=rng.torch())
    return images[order[: len(images) if n is None else n]]


@attack("knockoff")
@dataclass(frozen=True, kw_only=True)
class Knockoff(Attack):
    """Trains a fresh model on the victim's answers to images drawn at random (Knockoff Nets).

    What: one round of queries without replacement; soft cross-entropy to the answered rows, or
    cross-entropy to answered labels. Rows cut to the top k or rounded are not made to sum to one.
    Threat model: labels suffice, more is used where it is granted; a public pool of unlabelled
    images of another distribution; no own data, no weights.
    Parameters: n_queries (None asks every image once); epochs; lr of Adam; batch (images); rotation
    (degrees) and shift (share of the side) of the augmentation.
    Cost: n_queries queries in one round; epochs * ceil(n / batch) optimiser steps; one model.
    Differences to the paper: starts from random weights, as no pretrained ones are at hand; Adam at
    1e-3 as in DeepJudge's use of it (the authors: SGD at 0.01 for 100 epochs and more). A pool of
    abstract images may carry a trigger set over that is made of the same stuff.
    Reference: Orekondy, Schiele, Fritz: Knockoff Nets, 2019.
    Versions: 1.
    """

    paper: ClassVar[str] = "Orekondy et al., CVPR 2019"
    needs: ClassVar[ThreatModel] = ThreatModel(output="labels", pool="*")
    dial: ClassVar[Dial] = Dial("epochs", 3, 60, "log")

    n_queries: int | None = None
    epochs: int = 30
    lr: float = 1e-3
    batch: int = 64
    rotation: float = 0.0
    shift: float = 0.0

    def recipe(self) -> Recipe:
        """Return how the copy is trained."""
        augment = Augment(rotation=self.rotation, shift=self.shift)
        return Recipe(lr=self.lr, epochs=self.epochs, batch=self.batch, augment=augment)

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Ask, then learn from what was answered: fewer images where the budget ends early."""
        images = drawn(self.candidates(access), self.n_queries, rng.child("draw"))
        examples = self.ask(access, images, rng.child("ask"))
        model = access.lab.build(access.card, rng.child("model"))
        access.lab.train(model, examples, self.recipe(), rng.child("training"))
        return Deliverable(model)

    def ask(self, access: Access, images: Tensor, rng: Rng) -> Examples:
        """Return the images that were answered, each with its class or its row."""
        labels = access.grants.output == "labels"
        answers = access.query(images) if labels else access.soft_answers(images)
        return Examples(images[: len(answers)], answers)

    def candidates(self, access: Access) -> Tensor:
        """Return the images that may be asked about."""
        return access.pool().images


@attack("retrain")
@dataclass(frozen=True, kw_only=True)
class Retrain(Knockoff):
    """Trains a fresh model on the victim's answers to the thief's own in-domain images.

    What: Knockoff with images of the task itself; it costs as much as honest training on them.
    Threat model: labels suffice; unlabelled own data; no weights.
    Parameters: as for Knockoff, with light augmentation after the images were answered.
    Cost: as for Knockoff.
    Differences to the paper: Adam and fewer epochs in place of SGD at 0.1 with milestones.
    Reference: Lukas et al.: SoK: How robust is image classification watermarking, 2022.
    Versions: 1.
    """

    paper: ClassVar[str] = "Lukas et al., S&P 2022"
    needs: ClassVar[ThreatModel] = ThreatModel(output="labels", data=1)

    epochs: int = 60
    rotation: float = 5.0
    shift: float = 0.05

    def candidates(self, access: Access) -> Tensor:
        """Return the thief's own images."""
        return access.data().images
