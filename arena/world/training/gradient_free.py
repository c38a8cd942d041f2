"""Learning without gradients: for architectures that bring their own way."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from arena.errors import ArenaError
from arena.world.compute import Compute
from arena.world.models import Model
from arena.world.models.registry import Fit
from arena.world.rng import Rng
from arena.world.training.hooks import Hook
from arena.world.training.recipe import Examples, Recipe, soft


def fit_whole(
    fit: Fit,
    model: Model,
    examples: Examples,
    recipe: Recipe,
    rng: Rng,
    hooks: Sequence[Hook],
) -> None:
    """Fit a model in place to all examples at once, on the CPU; of the recipe only the loss counts.

    Raises:
        ArenaError: there are hooks, which have no steps to act on.
    """
    if hooks:
        raise ArenaError(
            f"expected a model that follows gradients, found {model.card.title}: what a watermark "
            "or an attack adds to training cannot reach it; choose another architecture"
        )
    model.cpu().eval()
    with torch.no_grad():
        inputs = model.normalise(Compute().images(examples.images))
        targets = soft(examples.targets.cpu(), model.card.n_classes)
        if model.kind.loss_name(recipe) == "distillation":  # its targets are logits
            targets = (targets / recipe.temperature).softmax(1)
        fit(model.body, inputs, targets, rng)
