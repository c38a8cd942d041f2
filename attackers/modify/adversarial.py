"""Adversarial training: the stolen model learns to answer adversarial examples as it should."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.lab import Lab
from arena.game.sides.player import Dial
from arena.world.global_rng import lent
from arena.world.json_values import Json
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, Recipe
from arena.world.training.adversarial import Pgd, craft
from attackers.modify.finetune import LabelSource, labelled


def attacked(lab: Lab, model: Model, clean: Examples, how: Pgd, rng: Rng) -> Examples:
    """Return adversarial versions of images (N, *shape), with the targets of the clean ones.

    The descent is a toolbox's, from a random point within the radius; each pass is on the meter.
    """
    images = lab.compute.images(clean.images)
    classes = clean.targets if clean.targets.dim() == 1 else clean.targets.argmax(1)
    with lent(rng, lab.compute.device):
        found = craft(lab.frozen(model), images, classes, how)
    return Examples(found.cpu(), clean.targets)


@attack("adversarial-training")
@dataclass(frozen=True, kw_only=True)
class AdversarialTraining(Attack):
    """Fine-tunes the stolen model on adversarial examples of itself (Adv-Train).

    What: before each epoch fresh adversarial examples of the model as it then is, some for each
    radius, join the own images, with the targets of the images that they come from.
    Threat model: weights and architecture, labelled own data; no queries, no key.
    Parameters: eps (radii, in pixel values of [0, 1]); n_examples (for each radius, in each epoch);
    step (of one iteration); iterations; epochs; lr of Adam; batch (images); labels, the stolen
    model's own answers or the truth.
    Cost: 0 queries; epochs * ceil((n + radii * n_examples) / batch) optimiser steps, and
    radii * n_examples * iterations images forward and backward in each epoch: 120,000 by default.
    Differences to the paper: the SoK lets the toolbox's trainer do the epochs; here a toolbox
    (torchattacks, or ART) makes the examples and our engine trains, so that each step is on the
    meter and repeatable. Adam starts afresh in each epoch.
    Reference: Madry et al., ICLR 2018; Lukas et al., S&P 2022 (settings); Chen et al., S&P 2022.
    Versions: 1.
    """

    paper: ClassVar[str] = "Madry et al., ICLR 2018; Lukas et al., S&P 2022"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", data=1, data_labels=True)
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients"})
    dial: ClassVar[Dial] = Dial("lr", 1e-4, 1e-2, "log")
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType(
        {"n_examples": 50, "iterations": 5, "epochs": 2}
    )

    eps: tuple[float, ...] = (0.01, 0.1, 0.25)
    n_examples: int = 1000
    step: float = 0.01
    iterations: int = 40
    epochs: int = 5
    lr: float = 1e-3
    batch: int = 64
    labels: LabelSource = "model"

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Train the current suspect, epoch by epoch."""
        model, recipe = access.model(), Recipe(lr=self.lr, epochs=1, batch=self.batch)
        own = labelled(access, model, self.labels)
        for epoch in range(self.epochs):
            examples, stream = own, rng.child("epoch", epoch)
            for i, eps in enumerate(self.eps):
                order = torch.randperm(len(own), generator=stream.child("drawn", i).torch())
                clean = own.select(order[: self.n_examples])
                how = Pgd(eps, self.step, self.iterations)
                hard = attacked(access.lab, model, clean, how, stream.child("pgd", i))
                examples = examples.joined(hard)
            access.lab.train(model, examples, recipe, stream.child("training"))
        return Deliverable(model)
