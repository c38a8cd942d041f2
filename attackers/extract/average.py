"""Extraction from an interface that lies now and then: ask about each image several times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import attack
from arena.game.sides.player import Dial
from arena.world.rng import Rng
from arena.world.training import Examples
from attackers.extract.knockoff import Retrain


def averaged(rows: Tensor, repeats: int) -> Tensor:
    """Return the mean row (M, C) of each image from rows (M * repeats or fewer, C), in its order.

    An image of which only some repeats were answered has the mean of those.
    """
    image = torch.arange(len(rows)) // repeats
    sums = torch.zeros(int(image[-1]) + 1, rows.shape[1], dtype=rows.dtype)
    counts = torch.bincount(image).to(rows.dtype)
    return sums.index_add(0, image, rows) / counts[:, None]


@attack("average")
@dataclass(frozen=True, kw_only=True)
class Average(Retrain):
    """Asks about several noisy versions of each image and learns the mean of the answers.

    What: an answer that was altered for one exact input is outvoted by the answers to its
    neighbours; the image itself is never asked about.
    Threat model: labels suffice (they vote); unlabelled own data; no weights.
    Parameters: repeats (versions of each image); deviation (of the Gaussian noise, of pixel values
    in [0, 1]; enough to change the rounded pixels); the others as for Retrain.
    Cost: repeats queries for each image, in one round; steps as for Retrain.
    Differences to the paper: the toolbox augments its queries by crops and flips too, which change
    the class of digits; here noise alone.
    Reference: Lukas et al.: SoK: How robust is image classification watermarking, 2022 (its data
    set for DAWN asks in this way).
    Versions: 1.
    """

    paper: ClassVar[str] = "Lukas et al., S&P 2022"
    needs: ClassVar[ThreatModel] = ThreatModel(output="labels", data=1)
    dial: ClassVar[Dial] = Dial("repeats", 1, 15, "log")

    repeats: int = 5
    deviation: float = 0.05

    def ask(self, access: Access, images: Tensor, rng: Rng) -> Examples:
        """Return the images, each with the mean answer to its noisy versions."""
        floats = images.float() / 255 if images.dtype == torch.uint8 else images
        versions = floats.repeat_interleave(self.repeats, 0)
        noise = torch.randn(versions.shape, generator=rng.torch()) * self.deviation
        rows = access.soft_answers((versions + noise).clamp(0, 1))
        answers = averaged(rows, self.repeats)
        return Examples(images[: len(answers)], answers)
