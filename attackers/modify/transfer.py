"""Transfer: the stolen model moves to another task, with a head for its classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from arena.errors import DataError
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world import layers
from arena.world.data import Dataset
from arena.world.models import Model, restore
from arena.world.rng import Rng
from arena.world.training import Augment, Examples, Recipe
from attackers.modify.finetune import reset_head


def with_new_head(model: Model, n_classes: int, rng: Rng) -> Model:
    """Return a copy with a freshly drawn last layer of another width; all else is the same."""
    head = layers.head(model, model.card.input_shape)
    tensors = dict(model.state_dict())
    for name in (f"{head}.weight", f"{head}.bias"):
        if name in tensors:
            tensors[name] = tensors[name].new_zeros(n_classes, *tensors[name].shape[1:])
    moved = restore(model.card.model_copy(update={"n_classes": n_classes}), tensors)
    reset_head(moved, rng)
    return moved


@attack("transfer")
@dataclass(frozen=True, kw_only=True)
class Transfer(Attack):
    """Puts a new head on the stolen model and trains it for another task (VTL).

    What: the last layer makes way for one with the other task's classes; then all layers, or the
    new head alone, are trained on that task. Answers of victim and copy can no longer be compared.
    Threat model: weights and architecture, labelled data of another task with inputs of the same
    shape; no own data, no queries, no key.
    Parameters: trains (layers); n_images (of the other task, drawn at random; None takes all);
    epochs; lr of Adam; batch (images); rotation (degrees) and shift (share of the side) of the
    augmentation.
    Cost: 0 queries; epochs * ceil(n / batch) optimiser steps.
    Differences to the paper: which five classes of the other data set are used is not stated there;
    the scenario names them.
    Reference: Chen et al.: Copy, right? A testing framework, 2022.
    Versions: 1.
    """

    paper: ClassVar[str] = "Chen et al., S&P 2022"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", transfer="*")
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "weights"})
    dial: ClassVar[Dial] = Dial("lr", 1e-4, 1e-2, "log")

    trains: Literal["all", "last"] = "all"
    n_images: int | None = None
    epochs: int = 10
    lr: float = 1e-3
    batch: int = 64
    rotation: float = 10.0
    shift: float = 0.1

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
        """Move the current suspect to the other task.

        Raises:
            DataError: the other task's inputs are of another shape.
        """
        stolen, data = access.model(), access.transfer()
        _check_shape(stolen, data)
        model = with_new_head(stolen, data.n_classes, rng.child("head"))
        examples = Examples.of(data)
        if self.n_images is not None:
            order = torch.randperm(len(examples), generator=rng.child("draw").torch())
            examples = examples.select(order[: self.n_images])
        access.lab.train(model, examples, self.recipe(), rng.child("training"))
        return Deliverable(model)


def _check_shape(model: Model, data: Dataset) -> None:
    if data.input_shape != model.card.input_shape:
        raise DataError(
            f"expected a transfer data set of inputs {model.card.input_shape}, found {data.name!r} "
            f"of {data.input_shape}; name another one in the threat model"
        )
