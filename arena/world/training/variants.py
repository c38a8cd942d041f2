"""Variants of a training: what independent models differ by besides the seed.

A reference class is a list of variants. Whoever compares a suspect with independent models must say
which models these are: an innocent that stopped early, saw less, learnt with smoothed labels or by
another optimiser is as innocent as one of the same recipe, and answers differently.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from arena.world.json_values import Frozen, Json
from arena.world.kinds.kind import Kind
from arena.world.models import ModelCard
from arena.world.models.registry import fit_of
from arena.world.rng import Rng
from arena.world.training.hooks import Hook, StepView
from arena.world.training.recipe import Examples, Recipe


class Variant(Frozen):
    """One way in which a training differs from the task's recipe.

    `recipe` replaces fields of the recipe; `length` is a share of its optimiser steps, `share` of
    the data, `wrong_labels` of the labels (replaced by other classes); `robust` is the radius, in
    pixel values of [0, 1], of one-step adversarial examples that are learnt beside the images;
    `architecture` replaces the victim's.
    """

    recipe: dict[str, Json] = Field(default_factory=dict)
    length: float = Field(1.0, gt=0)
    share: float = Field(1.0, gt=0, le=1)
    wrong_labels: float = Field(0.0, ge=0, lt=1)
    robust: float = Field(0.0, ge=0)
    architecture: str = ""

    def card(self, card: ModelCard) -> ModelCard:
        """Return the card of a model of this variant."""
        if not self.architecture:
            return card
        return card.model_copy(update={"architecture": self.architecture, "arguments": {}})

    def examples(self, own: Examples, rng: Rng) -> Examples:
        """Return what is learnt: a random share of the data, some of it with wrong labels."""
        if self.share < 1:
            order = rng.child("share").numpy().permutation(len(own))
            own = own.select(torch.from_numpy(order[: max(1, round(len(own) * self.share))]))
        if not self.wrong_labels or own.targets.dim() != 1:
            return own
        draw, n_classes = rng.child("wrong labels").numpy(), int(own.targets.max()) + 1
        wrong = torch.from_numpy(draw.random(len(own)) < self.wrong_labels)
        shift = torch.from_numpy(draw.integers(1, max(n_classes, 2), len(own)))
        return Examples(
            own.images, torch.where(wrong, (own.targets + shift) % n_classes, own.targets)
        )

    def recipe_for(self, recipe: Recipe, n_examples: int) -> Recipe:
        """Return the recipe of a training on so many examples: its length is counted in steps."""
        changed = recipe.but(**self.recipe) if self.recipe else recipe
        if self.length == 1:
            return changed
        per_epoch = math.ceil(n_examples / changed.batch)
        n_steps = changed.epochs * per_epoch if changed.steps is None else changed.steps
        return changed.but(steps=max(1, round(n_steps * self.length)))

    def fits(self, kind: Kind) -> bool:
        """Return whether models of a kind can be trained so: some ways are about classes."""
        of_classes = self.wrong_labels or self.robust or self.architecture
        return "labels" in kind.levels or not (
            of_classes or {"label_smoothing", "augment"} & set(self.recipe)
        )

    def hooks(self, card: ModelCard) -> list[Hook]:
        """Return what takes part in the training of a model."""
        if not self.robust or fit_of(card.architecture) is not None:
            return []
        return [Robust(self.robust)]


class Robust(Hook):
    """Adds the loss on one-step adversarial examples of the own images (Goodfellow et al., 2015).

    Args:
        eps: the radius in pixel values of [0, 1].
    """

    def __init__(self, eps: float) -> None:
        self.eps = eps

    def loss(self, view: StepView) -> Tensor:
        """Return the cross-entropy at clip(x + eps * sign(gradient), 0, 1)."""
        images = view.inputs[: view.n_own].detach().requires_grad_(True)
        targets = view.targets[: view.n_own]
        (slope,) = torch.autograd.grad(F.cross_entropy(view.model(images), targets), images)
        moved = (images + self.eps * slope.sign()).clamp(0, 1).detach()
        return F.cross_entropy(view.model(moved), targets)


_SGD: dict[str, Json] = {
    "optimiser": "sgd",
    "lr": 0.05,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "schedule": "cosine",
}
VARIANTS: dict[str, Variant] = {
    "1/30 of the steps": Variant(length=1 / 30),
    "smoothed labels": Variant(recipe={"label_smoothing": 0.1}, length=0.5),
    "1/12 of the steps": Variant(length=1 / 12),
    "a sixth of the data": Variant(share=1 / 6),
    "30 % wrong labels": Variant(wrong_labels=0.3, length=0.5),
    "SGD, smoothed labels": Variant(recipe={**_SGD, "label_smoothing": 0.1}, length=0.5),
    "1/6 of the steps": Variant(length=1 / 6),
    "augmentation": Variant(recipe={"augment": {"rotation": 10.0, "shift": 0.1}}, length=0.5),
    "1/60 of the steps": Variant(length=1 / 60),
    "robust training": Variant(robust=0.1, length=0.25),
    "another architecture": Variant(architecture="mlp", length=0.5),
    "SGD": Variant(recipe=_SGD, length=0.5),
}
"""The reference class beside models of the victim's own recipe, in the order of use."""
