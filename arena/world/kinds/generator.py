"""Generators: from a latent (L,) of normal numbers to an image (C, H, W) in [0, 1]."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.errors import ArenaError, ModelError
from arena.world import layers
from arena.world.compute import Compute
from arena.world.data import Dataset
from arena.world.json_values import Json
from arena.world.kinds.frechet import Cloud, cloud, frechet
from arena.world.kinds.interface import Interface, Output
from arena.world.kinds.kind import Exam, Kind, Objective
from arena.world.kinds.registry import kind
from arena.world.models.card import ModelCard
from arena.world.models.model import Model, drawn
from arena.world.models.registry import defaults_of
from arena.world.rng import Rng
from arena.world.training.hooks import StepView
from arena.world.training.recipe import Examples, Recipe

if TYPE_CHECKING:
    from arena.world.task import TaskSpec

_BETAS = (0.5, 0.999)  # of Adam, for both networks (Radford et al. 2016)
_DIGITS = 7  # decimal digits of a float32
_YARDSTICK = "cnn8"  # takes images of any size
_YARDSTICK_EPOCHS = 30
SMALL_GENERATOR: Mapping[str, Json] = MappingProxyType(
    {
        "data": "digits",
        "model": "dcgan",
        "arguments": {"latent": 16, "width": 8},
        "recipe": {"steps": 20, "lr": 1e-3},
    }
)
"""A task of seconds, on which players of generators are tried."""


class Adversarial(Protocol):
    """What an architecture of generators offers besides making images."""

    def critic(self) -> nn.Module:
        """Return a new critic: images (B, C, H, W) in [0, 1] -> scores (B, 1)."""


@dataclass(frozen=True, eq=False)
class FrechetScore(Exam):
    """How near the images are to real ones, in the features of a classifier.

    1 is the distance between two halves of the real images, 0 that between noise and real images.

    Attributes:
        inputs: latents (N, L).
        images: real images (N, C, H, W), uint8.
        yardstick: a classifier that was trained on images that neither side has.
        noise: images of noise (N, C, H, W) in [0, 1].
    """

    inputs: Tensor
    images: Tensor
    yardstick: Model
    noise: Tensor

    def features(self, images: Tensor) -> Tensor:
        """Return the yardstick's last hidden activations (N, D)."""
        layer = layers.activations(self.yardstick, self.yardstick.card.input_shape)[-1]
        return Compute().activations(self.yardstick, images, [layer])[layer].flatten(1)

    @cached_property
    def halves(self) -> tuple[Cloud, Cloud]:
        """Return the clouds of every second real image, from the first and from the second on."""
        return _halves(self.features(self.images))

    def distance(self, images: Tensor) -> float:
        """Return the mean Frechet distance of each half of some images to one of real images."""
        pairs = zip(_halves(self.features(images)), self.halves, strict=True)
        return sum(frechet(made, real) for made, real in pairs) / 2

    @cached_property
    def scale(self) -> tuple[float, float]:
        """Return the distances (real to real, noise to real)."""
        return frechet(*self.halves), self.distance(self.noise)

    def utility(self, answers: Tensor) -> float:
        """Return where images (N, C, H, W) in [0, 1] lie between noise, 0, and real ones, 1."""
        nearest, farthest = self.scale
        if farthest <= nearest:
            raise ArenaError(
                "expected a yardstick that tells noise from real images, found one that does not; "
                "train it longer or take more data"
            )
        share = (farthest - self.distance(answers)) / (farthest - nearest)
        return min(1.0, max(0.0, share))

    def worth(self, texts: Sequence[str], images: Tensor | None) -> float:
        """Return the utility of images alone; that of texts is 0."""
        if images is None:
            return 0.0
        return self.utility(images.float() / 255 if images.dtype == torch.uint8 else images)

    @property
    def floor(self) -> float:
        """Return the utility of noise."""
        return 0.0


@kind("generator")
class Generator(Kind):
    """A model that makes images; its critic is trained beside it and stays in the laboratory."""

    levels: ClassVar[tuple[Output, ...]] = ("nothing", "outputs", "weights")
    served: ClassVar[Output] = "outputs"
    losses: ClassVar[tuple[str, ...]] = ("hinge", "bce")
    metric: ClassVar[str] = "Frechet score"
    plain_architecture: ClassVar[str] = "dcgan"
    heavy: ClassVar[bool] = True
    draws: ClassVar[bool] = True

    def problems(self, card: ModelCard) -> list[str]:
        """Check that a latent goes in and an image comes out."""
        problems = []
        if len(card.input_shape) != 1:
            problems.append(f"input_shape is that of a latent, (L,), found {card.input_shape}")
        if len(card.output_shape) != 3 or min(card.output_shape, default=0) < 1:
            problems.append(f"output_shape is that of an image, found {card.output_shape}")
        return problems

    def card(self, data: Dataset, architecture: str, arguments: dict[str, Json]) -> ModelCard:
        """Return the card of generators of such images; the architecture names its latent."""
        known = {**defaults_of(architecture), **arguments}
        if not isinstance(known.get("latent"), int):
            raise ModelError(f"expected an argument `latent` of {architecture}, found none")
        return ModelCard(
            kind=self.name,
            architecture=architecture,
            arguments=arguments,
            input_shape=(known["latent"],),
            output_shape=data.input_shape,
        )

    def sizes(self, card: ModelCard) -> tuple[object, ...]:
        """Return (input_shape, output_shape)."""
        return card.input_shape, card.output_shape

    def output_shape(self, card: ModelCard) -> tuple[int, ...]:
        """Return the shape of an image."""
        return card.output_shape

    def example_shape(self, card: ModelCard) -> tuple[int, ...]:
        """Return the shape of an image."""
        return card.output_shape

    def form_mismatch(self, found: ModelCard, expected: ModelCard) -> str:
        """Compare the latent and the image."""
        mine, theirs = ((c.input_shape, c.output_shape) for c in (found, expected))
        if mine == theirs:
            return ""
        return (
            f"expected a model from latents {theirs[0]} to images {theirs[1]}, found one from "
            f"{mine[0]} to {mine[1]}; deliver a model for the task"
        )

    def batch(self, examples: Examples, card: ModelCard, generator: torch.Generator) -> Examples:
        """Return fresh latents, with the real images as what their images are compared to."""
        images = examples.images
        latents = torch.randn(
            len(images), *card.input_shape, generator=generator, device=images.device
        )
        return Examples(latents, images)

    def objectives(
        self,
        model: Model,
        trained: Sequence[nn.Parameter],
        recipe: Recipe,
        rng: Rng,
        compute: Compute,
    ) -> Sequence[Objective]:
        """Return the critic's objective and the generator's: hinge or binary cross-entropy.

        Source: Goodfellow et al. 2014 (with the loss that does not saturate); Lim and Ye 2017.
        """
        critic = drawn(cast(Adversarial, model.body).critic, rng.child("critic"))
        compute.place(critic).train()
        told, fooled = _LOSSES[self.loss_name(recipe)]

        def tell(view: StepView) -> Tensor:
            own = slice(view.n_own)
            real = critic(view.targets[own]).float()
            return told(real, critic(view.outputs[own].detach()).float())

        def fool(view: StepView) -> Tensor:
            return fooled(critic(view.outputs[: view.n_own]).float())

        return [
            Objective(list(critic.parameters()), tell, passes=2, betas=_BETAS),
            Objective(trained, fool, passes=2, betas=_BETAS),
        ]

    def reveal(self, answer: Tensor, interface: Interface) -> Tensor:
        """Return the images, rounded where the interface says so."""
        return answer if interface.decimals is None else answer.round(decimals=interface.decimals)

    def bits(self, card: ModelCard, interface: Interface) -> float:
        """Return the digits of all pixels."""
        digits = interface.decimals if interface.decimals is not None else _DIGITS
        return math.prod(card.output_shape) * max(digits * math.log2(10), 1.0)

    def probes(self, card: ModelCard, n: int, rng: Rng) -> Tensor:
        """Return normal latents."""
        return torch.randn(n, *card.input_shape, generator=rng.torch())

    def yardstick(self, spec: TaskSpec) -> TaskSpec | None:
        """Return the task of a small classifier of the same images."""
        recipe = Recipe(epochs=_YARDSTICK_EPOCHS)
        changes = {"model": _YARDSTICK, "arguments": {}, "recipe": recipe}
        return spec.model_copy(update=changes)

    def questions(self, data: Dataset, card: ModelCard, rng: Rng) -> Tensor:
        """Return a latent for each image."""
        return self.probes(card, len(data), rng)

    def exam(self, data: Dataset, card: ModelCard, yardstick: Model | None, rng: Rng) -> Exam:
        """Return the exam of the Frechet score against the data."""
        if yardstick is None:
            raise ArenaError("expected a yardstick to measure a generator with, found none")
        draw = rng.child("noise").torch()
        noise = torch.rand(len(data), *card.output_shape, generator=draw)
        return FrechetScore(self.questions(data, card, rng), data.images, yardstick, noise)

    def likeness(self, answers: Tensor, others: Tensor) -> float:
        """Return 1 minus the mean distance of pixels in [0, 1]."""
        return 1 - float((answers.double() - others.double()).abs().mean())


def _halves(features: Tensor) -> tuple[Cloud, Cloud]:
    return cloud(features[::2]), cloud(features[1::2])


def _hinge_told(real: Tensor, made: Tensor) -> Tensor:
    return F.relu(1 - real).mean() + F.relu(1 + made).mean()


def _hinge_fooled(made: Tensor) -> Tensor:
    return -made.mean()


def _bce_told(real: Tensor, made: Tensor) -> Tensor:
    return F.softplus(-real).mean() + F.softplus(made).mean()


def _bce_fooled(made: Tensor) -> Tensor:
    return F.softplus(-made).mean()


_LOSSES = {"hinge": (_hinge_told, _hinge_fooled), "bce": (_bce_told, _bce_fooled)}
"""(the critic's loss of its scores of real and made images, the generator's of made ones)."""
