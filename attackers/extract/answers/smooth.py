"""Smooth retraining: ask about moved versions of each image and learn the mean answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from arena.game.sides.access import Access
from arena.game.sides.attack import attack
from arena.game.sides.player import Dial
from arena.world.rng import Rng
from arena.world.training import Augment, Examples, Recipe
from arena.world.training.augment import augmented
from attackers.extract.average import averaged
from attackers.extract.knockoff import Retrain


@attack("smooth-retrain")
@dataclass(frozen=True, kw_only=True)
class SmoothRetrain(Retrain):
    """Asks about several moved versions of each image, learns the mean answer, and smooths labels.

    What: an answer that hangs on one exact input is averaged away, as in `average`, but over
    rotations and shifts that the victim should not care about; label smoothing on top.
    Threat model: labels suffice (they vote); unlabelled own data; no weights.
    Parameters: repeats (versions of each image); smoothing (of labels, in [0, 1)); rotation
    (degrees) and shift (share of the side), of the queries and of training; the others as for
    Retrain.
    Cost: repeats queries for each image, in one round; steps as for Retrain.
    Differences to the paper: crops and flips become small rotations and shifts, as flips change the
    class of a digit.
    Reference: Lukas et al.: SoK: How robust is image classification watermarking, 2022.
    Versions: 1.
    """

    dial: ClassVar[Dial] = Dial("repeats", 1, 15, "log")

    repeats: int = 3
    smoothing: float = 0.1

    def recipe(self) -> Recipe:
        """Return how the copy is trained."""
        return super().recipe().but(label_smoothing=self.smoothing)

    def ask(self, access: Access, images: Tensor, rng: Rng) -> Examples:
        """Return the images, each with the mean answer to its moved versions."""
        floats = images.float() / 255 if images.dtype == torch.uint8 else images
        versions = floats.repeat_interleave(self.repeats, 0)
        how = Augment(rotation=self.rotation, shift=self.shift)
        moved = augmented(versions, how, rng.torch()).clamp(0, 1)
        answers = averaged(access.soft_answers(moved), self.repeats)
        return Examples(images[: len(answers)], answers)
