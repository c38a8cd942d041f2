"""What training is: a frozen recipe, and the examples that it is applied to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from arena.world.bounds import BATCH, EPOCHS, PADDING, STEPS
from arena.world.data.dataset import Dataset
from arena.world.json_values import Frozen


class Augment(Frozen):
    """Batched augmentation: pixels, degrees and shares of the image's side; 0 means off."""

    flip: bool = False
    crop: int = Field(0, ge=0, le=PADDING)  # pixels of padding before a random crop to the old size
    rotation: float = Field(0.0, ge=0, le=180)  # degrees, uniform in [-rotation, rotation]
    shift: float = Field(0.0, ge=0, le=0.5)  # share of the side, uniform in [-shift, shift]


class Recipe(Frozen):
    """How a model is trained. The same recipe and seed on the same machine give the same bits.

    `train` names what may change: everything, the last layer, or layers by name. `batch_norm`
    "frozen" keeps running statistics (requires_grad alone would not). `validation` is the share of
    the trainer's own examples held out for early stopping; `patience` 0 turns stopping off.
    """

    optimiser: Literal["adam", "sgd", "rmsprop"] = "adam"
    lr: float = Field(1e-3, gt=0, le=1000)
    momentum: float = Field(0.9, ge=0, lt=1)
    nesterov: bool = False
    weight_decay: float = Field(0.0, ge=0, le=1000)
    schedule: Literal["constant", "cosine", "steps", "exponential"] = "constant"
    milestones: tuple[float, ...] = (0.5, 0.75)  # shares of the run, for "steps"
    gamma: float = Field(0.1, gt=0, le=1)  # factor at a milestone, or per epoch
    epochs: int = Field(10, ge=0, le=EPOCHS)
    steps: int | None = Field(None, ge=0, le=STEPS)  # replaces `epochs` when given
    batch: int = Field(64, ge=1, le=BATCH)
    augment: Augment = Augment()
    loss: str = ""  # one of the model's kind; "" is the usual one
    temperature: float = Field(1.0, gt=0)  # of "distillation", whose targets are logits
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    train: Literal["all", "last"] | tuple[str, ...] = "all"
    batch_norm: Literal["train", "frozen"] = "train"
    clip: float | None = Field(None, gt=0)  # bound on the norm of the gradient
    validation: float = Field(0.0, ge=0, lt=1)
    patience: int = Field(0, ge=0, le=EPOCHS)

    def but(self, **changes: object) -> Recipe:
        """Return the same recipe with some fields replaced (checked like any recipe)."""
        return Recipe.model_validate({**self.model_dump(), **changes})


@dataclass(frozen=True)
class Examples:
    """Images and what a model should answer: classes, or one row of probabilities or logits."""

    images: Tensor  # (N, *input_shape), uint8 or floats in [0, 1]
    targets: Tensor  # int64 (N,) or float (N, C)

    def __len__(self) -> int:
        return len(self.images)

    @classmethod
    def of(cls, data: Dataset) -> Examples:
        """Return a data set's images with their true classes."""
        return cls(data.images, data.labels)

    def select(self, index: Tensor) -> Examples:
        """Return the examples at the indices (or where the mask is true)."""
        return Examples(self.images[index], self.targets[index])

    def to(self, device: str) -> Examples:
        """Return the examples on a device."""
        return Examples(self.images.to(device), self.targets.to(device))

    def joined(self, other: Examples) -> Examples:
        """Return both, one after the other; classes become rows where the other side has rows."""
        if self.images.dtype != other.images.dtype:
            return self._floats().joined(other._floats())
        mine, theirs = self.targets, other.targets
        if mine.dim() != theirs.dim():
            width = max(mine.shape[-1] if mine.dim() == 2 else 0, theirs.shape[-1])
            width = mine.shape[-1] if mine.dim() == 2 else width
            mine, theirs = soft(mine, width), soft(theirs, width)
        return Examples(torch.cat([self.images, other.images]), torch.cat([mine, theirs]))

    def _floats(self) -> Examples:
        images = self.images.float() / 255 if self.images.dtype == torch.uint8 else self.images
        return Examples(images, self.targets)


def soft(targets: Tensor, n_classes: int) -> Tensor:
    """Return targets as rows (N, C): classes become one-hot rows, rows stay."""
    return F.one_hot(targets, n_classes).float() if targets.dim() == 1 else targets
