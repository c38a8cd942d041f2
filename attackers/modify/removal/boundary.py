"""WRK: reshapes the boundary where triggers live, by relabelled images on the way to each class."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.lab import Lab
from arena.game.sides.player import Dial
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Augment, Examples, Recipe


def relabelled(model: Model, own: Examples, eps: float, lab: Lab, rng: Rng) -> Examples:
    """Return own images, each one signed step up the logit of a random class, with a wrong class.

    What is a trigger for a model lies where some class is close without reason. There each image
    gets a class that is neither its own nor tied to the direction it was moved in, so no class is
    close without reason afterwards.

    Args:
        model: the stolen one.
        own: images and classes (N,).
        eps: the step, of pixel values in [0, 1].
        lab: of the thief.
        rng: of the directions and of the wrong classes.
    """
    draw, n_classes = rng.numpy(), model.card.n_classes
    n = len(own)
    towards = torch.from_numpy(draw.integers(0, n_classes, n))

    def logit(logits: Tensor, index: Tensor) -> Tensor:
        return logits.gather(1, towards[index, None].to(logits.device))[:, 0]

    images = own.images.float() / 255 if own.images.dtype == torch.uint8 else own.images
    gradients = lab.input_gradients(model, images, logit)
    moved = (images + eps * gradients.sign()).clamp(0, 1)
    shift = torch.from_numpy(draw.integers(1, n_classes, n))
    return Examples(moved, (own.targets + shift) % n_classes)


@attack("wrk")
@dataclass(frozen=True, kw_only=True)
class WRK(Attack):
    """Unlearns triggers by relabelled images near the boundary, then fine-tunes (WRK).

    What: part of the own images make one signed gradient step towards a random class and get a
    random wrong class; the model learns them beside all own images for a few epochs at a high rate,
    then the own images alone, augmented. What is known of single samples, entangled or not, does
    not survive that the boundary moves.
    Threat model: weights, labelled own data; no queries, no key.
    Parameters: eps (of the step, of pixel values in [0, 1]); share (of the own images that are
    relabelled, in [0, 1]); unlearn_epochs and unlearn_lr, epochs and lr (of SGD, momentum 0.9, in
    the two phases); batch (images); rotation (degrees) and shift (share of the side) of the second
    phase.
    Cost: one gradient for each relabelled image; the steps of both phases.
    Differences to the paper: the authors' code first looks for a trigger by Neural Cleanse and then
    unlearns that one instead; here `neural-cleanse` is a move of its own.
    Reference: Xiao, Ye, Liang, Li, Li, Zheng, Hu: Class-feature watermark: a resilient black-box
    watermark against model extraction attacks, 2026; settings after its code.
    Versions: 1.
    """

    paper: ClassVar[str] = "Xiao et al., AAAI 2026"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", data=1, data_labels=True)
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients"})
    dial: ClassVar[Dial] = Dial("eps", 0.02, 0.4, "log")
    quick = MappingProxyType({"epochs": 3})

    eps: float = 0.15
    share: float = 0.2
    unlearn_epochs: int = 3
    unlearn_lr: float = 0.01
    epochs: int = 15
    lr: float = 0.01
    batch: int = 64
    rotation: float = 15.0
    shift: float = 0.1

    def recipes(self) -> tuple[Recipe, Recipe]:
        """Return how the model unlearns, and how it is fine-tuned."""
        plain = Recipe(optimiser="sgd", momentum=0.9, weight_decay=1e-4, batch=self.batch)
        return (
            plain.but(lr=self.unlearn_lr, epochs=self.unlearn_epochs),
            plain.but(
                lr=self.lr,
                epochs=self.epochs,
                augment=Augment(rotation=self.rotation, shift=self.shift),
            ),
        )

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Unlearn, then fine-tune the current suspect."""
        model, own = access.model(), Examples.of(access.data())
        order = torch.randperm(len(own), generator=rng.child("draw").torch())
        part = own.select(order[: max(1, round(self.share * len(own)))])
        odd = relabelled(model, part, self.eps, access.lab, rng.child("relabelled"))
        unlearn, tune = self.recipes()
        access.lab.train(model, own.joined(odd), unlearn, rng.child("unlearning"))
        access.lab.train(model, own, tune, rng.child("tuning"))
        return Deliverable(model)
