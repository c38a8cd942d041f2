"""The laboratory of a player: training and running its own models, with every step on the meter."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor, nn

from arena.world.compute import Compute, Objective
from arena.world.kinds.kind import Steer
from arena.world.models import Model, ModelCard, build
from arena.world.rng import Rng
from arena.world.training import Examples, Free, History, Hook, Meter, Progress, Recipe, Trainer


@dataclass(frozen=True)
class Lab:
    """The compute layer behind a meter. Owners and thieves work in one each.

    `trained` hears of every model that was trained, and how its training went.
    """

    compute: Compute = field(default_factory=Compute)
    meter: Meter = field(default_factory=Free)
    progress: Progress = lambda done, total: None
    trained: Callable[[Model, History], None] = lambda model, history: None

    @property
    def float32(self) -> Lab:
        """The same laboratory without autocast, on the same meter; see `Compute.float32`."""
        return replace(self, compute=self.compute.float32)

    def build(self, card: ModelCard, rng: Rng) -> Model:
        """Return a fresh model; counts as one more model."""
        self.meter.charge({"models": 1})
        return build(card, rng)

    def train(
        self,
        model: Model,
        examples: Examples,
        recipe: Recipe,
        rng: Rng,
        hooks: Sequence[Hook] = (),
    ) -> History:
        """Train a model in place; see `Trainer.train`."""
        trainer = Trainer(self.compute, self.meter, self.progress)
        history = trainer.train(model, examples, recipe, rng, hooks)
        self.trained(model, history)
        return history

    def surrogate(
        self, card: ModelCard, examples: Examples, recipe: Recipe, start: Rng, training: Rng
    ) -> Model:
        """Return a fresh model that has learnt from examples.

        Args:
            card: what it is to be.
            examples: with true labels, or with what another model answers.
            recipe: how it is trained.
            start: of its weights.
            training: of its batches.
        """
        model = self.build(card, start)
        self.train(model, examples, recipe, training)
        return model

    def logits(self, model: nn.Module, images: Tensor, *, double: bool = False) -> Tensor:
        """Return the logits (N, C) of an own model."""
        self.meter.charge({"images_forward": len(images)})
        return self.compute.logits(model, images, double=double)

    def labels(self, model: nn.Module, images: Tensor) -> Tensor:
        """Return the classes (N,) that an own model predicts."""
        return self.logits(model, images).argmax(1)

    def accuracy(self, model: nn.Module, examples: Examples) -> float:
        """Return the share in [0, 1] of examples that an own model gets right."""
        return float((self.labels(model, examples.images) == examples.targets).double().mean())

    def activations(
        self, model: nn.Module, images: Tensor, layers: Sequence[str]
    ) -> dict[str, Tensor]:
        """Return the outputs of named layers of an own model."""
        self.meter.charge({"images_forward": len(images)})
        return self.compute.activations(model, images, layers)

    def write(self, model: Model, prompts: Tensor, length: int, steer: Steer, rng: Rng) -> Tensor:
        """Return the tokens (N, length) that an own model of language writes; see `Kind.write`.

        As much as the model reads at once counts as one input.
        """
        read = math.ceil((prompts.shape[1] + length) / model.card.input_shape[0])
        self.meter.charge({"images_forward": len(prompts) * read})
        self.compute.place(model)
        return model.kind.write(model, prompts, length, steer, rng)

    def input_gradients(self, model: nn.Module, images: Tensor, objective: Objective) -> Tensor:
        """Return d objective / d image for an own model; see `Compute.input_gradients`."""
        self.meter.charge({"images_forward": len(images), "images_backward": len(images)})
        return self.compute.input_gradients(model, images, objective)

    def frozen(self, model: nn.Module, *, double: bool = False) -> nn.Module:
        """Return a view of an own model for a toolbox; its calls are on the meter."""
        view = self.compute.frozen(model, double=double)

        def count(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            n = len(inputs[0])
            backward = n if inputs[0].requires_grad else 0
            self.meter.charge({"images_forward": n, "images_backward": backward})

        view.register_forward_pre_hook(count)
        return view
