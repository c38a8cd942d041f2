"""Many small models at once: pools of innocents, shadows and surrogates on a GPU.

The weights of all models are stacked and one step of all of them is one vectorised call
(`torch.func.stack_module_state` and `vmap`). On a CPU this was measured to be slower than one model
after another, so only a GPU uses it; the code is the same and is tested on both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from arena.errors import ArenaError
from arena.world.compute import Compute
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training.augment import augmented
from arena.world.training.engine import dropout_from, learning_rate_factor, make_optimiser
from arena.world.training.hooks import Free, Meter
from arena.world.training.recipe import Examples, Recipe, soft

State = dict[str, Tensor]
Gradients = Callable[[State, State, Tensor, Tensor], State]
"""(parameters, buffers, images (M, B, ...), targets (M, B, C)) -> gradients, all stacked."""


def train_pool(
    models: Sequence[Model],
    examples: Examples,
    recipe: Recipe,
    rngs: Sequence[Rng],
    compute: Compute,
    meter: Meter | None = None,
) -> None:
    """Train models of one architecture on the same examples, each in its own order, in place.

    Args:
        models: M models with equal cards; each is left in eval mode on the CPU.
        examples: (N, *input_shape) with classes (N,) or rows (N, C).
        recipe: how; everything trains, and neither clipping nor early stopping is to be asked for.
        rngs: M streams: of each model's order of batches. Augmentation draws from the first.
        compute: where.
        meter: charged for all models together before each step.

    Raises:
        ArenaError: the models differ, or the recipe asks for what cannot be done for all at once.
    """
    _check(models, recipe)
    with dropout_from(rngs[0], compute):
        _Pool(models, examples, recipe, rngs, compute).train(meter or Free())


class _Pool:
    """The stacked models and what their steps share."""

    def __init__(
        self,
        models: Sequence[Model],
        examples: Examples,
        recipe: Recipe,
        rngs: Sequence[Rng],
        compute: Compute,
    ) -> None:
        self.models, self.recipe, self.compute = models, recipe, compute
        for model in models:
            model.to(compute.device).train()
        self.parameters, self.buffers = stack_module_state(list(models))
        self.images = examples.images.to(compute.device)
        self.targets = soft(examples.targets.to(compute.device), models[0].card.n_classes)
        self.orders = [rng.child("batches").torch(compute.device) for rng in rngs]
        self.draws = rngs[0].child("augmentation").torch(compute.device)
        self.optimiser = make_optimiser(list(self.parameters.values()), recipe)
        self.gradients = _vectorised(models[0], recipe, compute)
        self.per_epoch = max(1, math.ceil(len(examples) / recipe.batch))

    def train(self, meter: Meter) -> None:
        """Make every step, then hand the weights back to the models."""
        recipe, n = self.recipe, len(self.images)
        n_steps = recipe.epochs * self.per_epoch if recipe.steps is None else recipe.steps
        order = self.images.new_zeros(0)
        for step in range(n_steps):
            at = (step % self.per_epoch) * recipe.batch
            if at == 0:
                device = self.compute.device
                orders = [torch.randperm(n, generator=g, device=device) for g in self.orders]
                order = torch.stack(orders)  # (M, N)
            index = order[:, at : at + recipe.batch]  # (M, B)
            seen = {"images_forward": index.numel(), "images_backward": index.numel()}
            meter.charge({"steps": len(self.models), **seen})
            factor = learning_rate_factor(recipe, step, n_steps, self.per_epoch)
            for group in self.optimiser.param_groups:
                group["lr"] = recipe.lr * factor
            self._step(index)
        _unstack(self.models, self.parameters, self.buffers)

    def _step(self, index: Tensor) -> None:
        images = self.compute.images(self.images[index.flatten()])  # (M * B, ...)
        images = augmented(images, self.recipe.augment, self.draws)
        images = images.reshape(*index.shape, *images.shape[1:])
        found = self.gradients(self.parameters, self.buffers, images, self.targets[index])
        for name, parameter in self.parameters.items():
            parameter.grad = found[name]
        self.optimiser.step()


def _check(models: Sequence[Model], recipe: Recipe) -> None:
    if models[0].card.kind != "classifier":
        raise ArenaError(f"expected a pool of classifiers, found {models[0].card.title}")
    if len({model.card.model_dump_json() for model in models}) != 1:
        raise ArenaError("expected a pool of models with one card, found several; train them apart")
    if recipe.clip is not None or recipe.patience or recipe.train != "all":
        raise ArenaError(
            "a pool is trained whole, without clipping or early stop; train them apart"
        )
    if models[0].kind.loss_name(recipe) != "cross-entropy" or recipe.batch_norm != "train":
        raise ArenaError(
            "a pool is trained with cross-entropy and live BatchNorm; train them apart"
        )


def _vectorised(model: Model, recipe: Recipe, compute: Compute) -> Gradients:
    """Return the function that computes every model's gradients in one call."""

    def loss(parameters: State, buffers: State, images: Tensor, targets: Tensor) -> Tensor:
        with compute.autocast():
            logits = functional_call(model, (parameters, buffers), (images,))
        smoothing = recipe.label_smoothing
        return F.cross_entropy(logits.float(), targets, label_smoothing=smoothing)

    stepped = vmap(grad_and_value(loss), in_dims=(0, 0, 0, 0), randomness="different")

    def gradients(parameters: State, buffers: State, images: Tensor, targets: Tensor) -> State:
        found: State = stepped(parameters, buffers, images, targets)[0]
        return found

    return gradients


def _unstack(models: Sequence[Model], parameters: State, buffers: State) -> None:
    with torch.no_grad():
        for i, model in enumerate(models):
            for name, parameter in model.named_parameters():
                parameter.copy_(parameters[name][i])
            for name, buffer in model.named_buffers():
                buffer.copy_(buffers[name][i])
            model.cpu().eval()
