"""Fine-tuning and re-training of the last or of all layers: FT-LL, FT-AL, RT-LL, RT-AL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Augment, Examples, Recipe

LabelSource = Literal["truth", "model"]


def labelled(access: Access, model: Model, labels: LabelSource) -> Examples:
    """Return the thief's own images with true classes, or with the model's probabilities (N, C)."""
    data = access.data()
    if labels == "truth":
        return Examples.of(data)
    return Examples(data.images, access.lab.logits(model, data.images).softmax(1))


def needs_to_label(needs: frozenset[str], labels: LabelSource) -> frozenset[str]:
    """Return the needs of a move on a task that also labels its own images."""
    return needs | {"classes"} if labels == "model" else needs


def reset_head(model: Model, rng: Rng) -> None:
    """Draw the last layer anew, He-normal with zero bias, in place."""
    head = model.get_submodule(model.kind.head(model))
    weight = head.weight
    assert isinstance(weight, torch.Tensor)  # noqa: S101 - a layer that `head` names
    draw = torch.randn(weight.shape, generator=rng.torch()) * (2 / weight[0].numel()) ** 0.5
    with torch.no_grad():
        weight.copy_(draw)
        if isinstance(head.bias, torch.Tensor):
            head.bias.zero_()


@dataclass(frozen=True, kw_only=True)
class FineTune(Attack):
    """Trains the stolen model on, on the thief's own data.

    What: base class of the four attacks; they differ in what trains and what is drawn anew.
    Threat model: weights and architecture, labelled own data; no queries, no key.
    Parameters: epochs; lr of Adam (no state is inherited from the owner); batch (images); rotation
    (degrees) and shift (share of the side) of the augmentation; labels, the truth or the stolen
    model's own answers.
    Cost: 0 queries; epochs * ceil(n / batch) optimiser steps.
    Differences to the paper: an own optimiser at a stated rate; the SoK's inherits the owner's.
    Reference: Chen et al., S&P 2022 (settings); Adi et al., USENIX Security 2018 (names).
    Versions: 1.
    """

    paper: ClassVar[str] = "Adi et al., USENIX Security 2018; Chen et al., S&P 2022"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", data=1, data_labels=True)
    task_needs: ClassVar[frozenset[str]] = frozenset({"gradients"})
    dial: ClassVar[Dial] = Dial("lr", 1e-4, 1e-2, "log")
    trains: ClassVar[Literal["all", "last"]] = "all"
    resets: ClassVar[bool] = False

    epochs: int = 10
    lr: float = 1e-3
    batch: int = 64
    rotation: float = 10.0
    shift: float = 0.1
    labels: LabelSource = "truth"

    @property
    def needs_of_task(self) -> frozenset[str]:
        """Return what the task must offer: only a classifier labels images."""
        return needs_to_label(self.task_needs, self.labels)

    def recipe(self) -> Recipe:
        """Return how the model is trained; BatchNorm stands still where the trunk does."""
        return Recipe(
            lr=self.lr,
            epochs=self.epochs,
            batch=self.batch,
            augment=Augment(rotation=self.rotation, shift=self.shift),
            train=self.trains,
            batch_norm="frozen" if self.trains == "last" else "train",
        )

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Fine-tune the current suspect."""
        model = access.model()
        examples = labelled(access, model, self.labels)
        if self.resets:
            reset_head(model, rng.child("head"))
        access.lab.train(model, examples, self.recipe(), rng.child("training"))
        return Deliverable(model)


@attack("ft-ll")
@dataclass(frozen=True, kw_only=True)
class FineTuneLast(FineTune):
    """Fine-tunes the last layer only (FT-LL): the mildest attack, a sanity row."""

    trains: ClassVar[Literal["all", "last"]] = "last"


@attack("ft-al")
@dataclass(frozen=True, kw_only=True)
class FineTuneAll(FineTune):
    """Fine-tunes all layers (FT-AL)."""


@attack("rt-ll")
@dataclass(frozen=True, kw_only=True)
class RetrainLast(FineTune):
    """Draws the last layer anew and trains it alone (RT-LL)."""

    trains: ClassVar[Literal["all", "last"]] = "last"
    resets: ClassVar[bool] = True


@attack("rt-al")
@dataclass(frozen=True, kw_only=True)
class RetrainAll(FineTune):
    """Draws the last layer anew and trains all layers (RT-AL)."""

    resets: ClassVar[bool] = True
