"""Extraction through another model: of another architecture, or of a copy that is copied again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from arena.game.sides.access import Access
from arena.game.sides.attack import attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.rng import Rng
from arena.world.training import Examples
from attackers.extract.knockoff import Retrain


@attack("cross-architecture")
@dataclass(frozen=True, kw_only=True)
class CrossArchitecture(Retrain):
    """Retrains on the victim's answers with another architecture than the one that is known.

    What: what hangs on how the victim is built is not carried over.
    Threat model: as for Retrain.
    Parameters: architecture (of the copy); the others as for Retrain.
    Cost: as for Retrain.
    Differences to the paper: a perceptron by default, in place of a DenseNet.
    Reference: Lukas et al.: SoK: How robust is image classification watermarking, 2022.
    Versions: 1.
    """

    architecture: str = "mlp"

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Ask, then let a model of the other architecture learn what was answered."""
        images = self.candidates(access)
        order = torch.randperm(len(images), generator=rng.child("draw").torch())
        examples = self.ask(access, images[order[: self.n_queries]], rng.child("ask"))
        changed = {"architecture": self.architecture, "arguments": {}}
        card = access.card.model_copy(update=changed)
        streams = rng.child("model"), rng.child("training")
        return Deliverable(access.lab.surrogate(card, examples, self.recipe(), *streams))


@attack("double-extraction")
@dataclass(frozen=True, kw_only=True)
class DoubleExtraction(Retrain):
    """Copies the victim, then copies the copy on images that the victim was never asked about.

    What: a few odd answers that the first copy learnt by heart are not asked of it again: the
    second learns from noisy versions of the images, as the first one labels them.
    Threat model: as for Retrain.
    Parameters: versions (of each image for the second copy); deviation (of their noise, of pixel
    values in [0, 1]); the others as for Retrain.
    Cost: the queries of Retrain; two models and 1 + versions times its steps.
    Differences to the paper: the recipe is ours; that paper is of the mark it was made against.
    Reference: Szyller, Atli, Marchal, Asokan: DAWN: Dynamic adversarial watermarking, 2021.
    Versions: 1.
    """

    paper: ClassVar[str] = "Szyller et al., MM 2021"
    dial: ClassVar[Dial] = Dial("deviation", 0.02, 0.3, "log")

    epochs: int = 30
    versions: int = 2
    deviation: float = 0.1

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Copy by queries, then copy the copy without any."""
        first = super().run(access, rng.child("first")).model
        assert first is not None  # noqa: S101 - Retrain delivers a model
        own = self.candidates(access)
        images = (own.float() / 255 if own.dtype == torch.uint8 else own).repeat(
            self.versions, *[1] * (own.dim() - 1)
        )
        noise = torch.randn(images.shape, generator=rng.child("noise").torch())
        images = (images + self.deviation * noise).clamp(0, 1)
        examples = Examples(images, access.lab.logits(first, images).softmax(1))
        streams = rng.child("model"), rng.child("training")
        return Deliverable(access.lab.surrogate(access.card, examples, self.recipe(), *streams))
