"""Extraction of a generator from what it makes: students of its images, or of pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.json_values import Json
from arena.world.kinds.generator import SMALL_GENERATOR
from arena.world.rng import Rng
from arena.world.training import Examples, Recipe
from attackers.generators.fitting import Fitting, StepLoss, fit


@dataclass(frozen=True, kw_only=True)
class ImageExtraction(Attack):
    """Asks a generator for images of normal latents, and trains a fresh one on what it made.

    What: base class of both; they differ in whether the student sees which latent made an image.
    Threat model: the images that an interface makes of latents that are sent to it, and the
    architecture; no weights, no own images, no key.
    Parameters: n_images (queries); epochs over them; lr of Adam; batch (images).
    Cost: n_images queries in one round; epochs * ceil(n_images / batch) steps, of two networks
    where a discriminator is trained beside; one model.
    Differences to the paper: no cleaning of the images by another model, and no partial access to
    the victim's training data.
    Reference: Hu, Pang: Stealing machine learning models: attacks and countermeasures for
    generative adversarial networks, 2021.
    Versions: 1.
    """

    paper: ClassVar[str] = "Hu and Pang, ACSAC 2021"
    needs: ClassVar[ThreatModel] = ThreatModel(output="outputs", architecture=True)
    task_needs: ClassVar[frozenset[str]] = frozenset({"generator", "gradients"})
    victim: ClassVar[Mapping[str, Json]] = SMALL_GENERATOR
    dial: ClassVar[Dial] = Dial("n_images", 100, 10_000, "log")
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"n_images": 64, "epochs": 3})

    n_images: Annotated[int, Field(ge=2)] = 1000
    epochs: Annotated[int, Field(ge=0)] = 30
    lr: Annotated[float, Field(gt=0)] = 5e-4
    batch: Annotated[int, Field(ge=2)] = 64

    def asked(self, access: Access, rng: Rng) -> tuple[Tensor, Tensor]:
        """Return latents (N, L), and the images (N, C, H, W) that the victim made of them."""
        shape = (self.n_images, *access.card.input_shape)
        latents = torch.randn(shape, generator=rng.child("latents").torch())
        images = access.query(latents)
        return latents[: len(images)], images


@attack("student-gan")
@dataclass(frozen=True, kw_only=True)
class StudentGan(ImageExtraction):
    """Trains a new generator and its discriminator on images that the victim made."""

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Ask once, then train as an owner would."""
        _, images = self.asked(access, rng)
        examples = Examples(images, torch.zeros(len(images), dtype=torch.int64))
        recipe = Recipe(epochs=self.epochs, lr=self.lr, batch=self.batch)
        streams = (rng.child("model"), rng.child("training"))
        return Deliverable(access.lab.surrogate(access.card, examples, recipe, *streams))


@attack("distil-pairs")
@dataclass(frozen=True, kw_only=True)
class DistilPairs(ImageExtraction):
    """Trains a new generator to make of each latent the image that the victim made of it (L1)."""

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Ask once, then learn pairs by heart."""
        latents, images = self.asked(access, rng)
        lab, model = access.lab, access.lab.build(access.card, rng.child("model"))
        device = lab.compute.device
        latents, images = latents.to(device), images.to(device)
        batch = min(self.batch, len(latents))

        def step(draws: torch.Generator) -> tuple[Tensor, StepLoss]:
            chosen = torch.randperm(len(latents), generator=draws, device=device)[:batch]
            return latents[chosen], lambda made: (made - images[chosen]).abs().mean()

        n_steps = self.epochs * -(-len(latents) // batch)
        fit(lab, model, step, Fitting(self.lr, n_steps, batch), rng.child("steps"))
        return Deliverable(model)
