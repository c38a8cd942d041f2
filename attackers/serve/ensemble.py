"""Evasion at query time by a vote: what one model alone was taught is outvoted."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from arena.game.rules.threat import ThreatModel
from arena.game.serving.wrapper import Answer, Client, wrapper
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.rng import Rng
from arena.world.training import Augment, Examples, Recipe
from attackers.serve.held_models import Holding, tensors_of
from attackers.serve.preprocess import HOSTED, hosted


@wrapper("vote")
@dataclass(frozen=True, kw_only=True)
class Vote(Holding):
    """Answers the mean of the hosted model's probabilities and those of the models held."""

    def respond(self, inputs: Tensor, answer: Answer, client: Client) -> Tensor:
        """Answer the mean row."""
        return torch.stack([answer(inputs), *self.answers(inputs)]).mean(0)


@attack("ensemble")
@dataclass(frozen=True, kw_only=True)
class Ensemble(Attack):
    """Hosts the stolen model beside models that learnt its answers on disjoint parts of own data.

    What: an answer is the mean of all models' probabilities. A trigger that the stolen model knows
    by heart is outvoted by those that were never shown it; a fingerprint's points lie elsewhere for
    each of them.
    Threat model: the model's weights, unlabelled own data, and the right to host; no queries, no
    key. An owner who seizes the weights finds the stolen ones among them.
    Parameters: n_models (trained beside the stolen one); epochs; lr of Adam; batch (images);
    smoothing (of the learnt answers, in [0, 1)).
    Cost: n_models trainings on a part of the data each; an answer costs 1 + n_models times as much.
    Differences to the paper: the paper's thief holds models stolen from several owners; here, as in
    the SoK's use, the others learn from disjoint parts of what the stolen one labels.
    Reference: Hitaj, Mancini: Have you stolen my model? Evasion attacks against deep neural network
    watermarking techniques, 2018; Lukas et al., S&P 2022 (settings).
    Versions: 1.
    """

    paper: ClassVar[str] = "Hitaj and Mancini, 2018"
    needs: ClassVar[ThreatModel] = HOSTED.model_copy(update={"data": 1})
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients"})
    dial: ClassVar[Dial] = Dial("n_models", 1, 6)
    quick = MappingProxyType({"n_models": 2, "epochs": 4})

    n_models: Annotated[int, Field(ge=1)] = 3
    epochs: int = 40
    lr: float = 1e-3
    batch: int = 32
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.2

    def recipe(self) -> Recipe:
        """Return how each model beside is trained."""
        return Recipe(
            lr=self.lr,
            epochs=self.epochs,
            batch=self.batch,
            label_smoothing=self.smoothing,
            augment=Augment(rotation=5, shift=0.05),
        )

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Train the models beside and host the current suspect with them."""
        stolen, images = access.model(), access.data().images
        examples = Examples(images, access.lab.logits(stolen, images).softmax(1))
        beside = []
        for i, part in enumerate(parts(len(images), self.n_models, rng.child("parts"))):
            draw = rng.child("model", i)
            streams = draw.child("initial"), draw.child("training")
            mine = examples.select(part)
            beside.append(access.lab.surrogate(access.card, mine, self.recipe(), *streams))
        return hosted(access, Vote(card=access.card.plain(), tensors=tensors_of(beside)))


def parts(n: int, n_parts: int, rng: Rng) -> list[Tensor]:
    """Return the indices of disjoint random parts of n images, all of about one size."""
    return list(torch.randperm(n, generator=rng.torch()).chunk(n_parts))
