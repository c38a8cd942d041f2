"""CEM: points whose label is conferred on a model's copies and on no independent model."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from arena.errors import PlayerError
from arena.game.rules.keys import expand
from arena.game.sides.defense import OwnerTask, defense
from arena.game.sides.lab import Lab
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world.kinds.interface import Output
from arena.world.models import Model
from arena.world.training import Examples, Recipe
from defenders.fingerprints.fingerprint import Fingerprint
from defenders.fingerprints.parts.conferral import (
    Ascent,
    Jury,
    conferrability,
    conferrable_points,
)
from defenders.fingerprints.parts.distances import MATCHING_RATE
from defenders.fingerprints.parts.representations import labels
from defenders.fingerprints.parts.samplers import misclassified

_SPARE = 1.5  # candidates for each point


@defense("cem")
@dataclass(frozen=True, kw_only=True)
class CEM(Fingerprint):
    """Recognises a model by adversarial examples that copies inherit and others do not (CEM).

    What: the owner trains surrogates, which learn its model's answers, and references, which learn
    the labels. Images that the model gets wrong are moved to where it and the surrogates agree on a
    class that the references do not give; those of highest conferrability are kept.
    Threat model: verification asks for labels of the points and of held-out images; the points are
    secret. Surrogates and references are made from the seed, the victim and the owner's data, which
    the key therefore holds, and serve for nothing else: null models, and all models that anybody
    reports on, are others.
    Parameters: n_points (K, at most); n_models (of each ensemble); epochs (of their training); eps
    (of pixel values in [0, 1], how far an image is moved); lr and n_steps (of Adam); least
    (conferrability, in [0, 1], below which a candidate is left out).
    Cost: to protect, 2 * n_models trainings and n_steps forward and backward passes of all models
    over 1.5 K images; to verify, K label queries.
    Differences to the paper: images start from the model's mistakes, mixtures of the owner's images
    as in akh, since few models move few images to another class; "leaves the class of the image"
    means the class that the references give it; fewer and smaller models, of the victim's own
    architecture; the key's seed gives them, on the same machine (another rounds training
    differently); eps and least are ours; the p-value against independent models decides in place of
    a fixed rate of matches.
    Reference: Lukas, Zhang, Kerschbaum: Deep neural network fingerprinting by conferrable
    adversarial examples, 2021.
    Versions: 2 (what is not rare among all null models is no proof).
    """

    paper: ClassVar[str] = "Lukas et al., ICLR 2021"
    reads: ClassVar[Output] = "labels"
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients", "nulls"})
    distance = MATCHING_RATE
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = distance.statistic
    dial: ClassVar[Dial] = Dial("eps", 0.02, 0.4, "log")
    quick = MappingProxyType({"n_points": 80, "n_models": 3, "epochs": 6, "n_steps": 10})

    n_points: Annotated[int, Field(ge=1)] = 60
    n_models: Annotated[int, Field(ge=2)] = 4
    epochs: int = 8
    eps: float = 0.07
    lr: float = 0.02
    n_steps: int = 25
    least: float = 0.05

    def pool(self, task: OwnerTask) -> Examples:
        """Return the owner's data: surrogates and references learn from them."""
        return Examples.of(task.data)

    def sample(self, victim: Model, pool: Examples, seed: str, lab: Lab) -> Tensor:
        """Return the most conferrable points (K, *shape).

        Raises:
            PlayerError: no candidate is conferrable.
        """
        copies, others = self.ensembles(victim, pool, seed, lab)
        start = misclassified(victim, pool, round(_SPARE * self.n_points), seed, lab)
        views = [[lab.frozen(model) for model in models] for models in (copies, others)]
        jury, how = Jury(lab.frozen(victim), *views), Ascent(self.eps, self.lr, self.n_steps)
        dropped = expand(seed, "conferrable dropout")
        points = conferrable_points(
            jury, start.to(lab.compute.device), how, dropped, lab.meter
        ).cpu()
        found = [
            torch.stack([lab.labels(m, points) for m in models]) for models in (copies, others)
        ]
        scores = conferrability(lab.labels(victim, points), *found)
        best = scores.argsort(descending=True, stable=True)[: self.n_points]
        kept = best[scores[best] >= self.least]
        if not len(kept):
            raise PlayerError(
                f"expected points of conferrability {self.least:g}, the best of {len(scores)} has "
                f"{float(scores.max()):.2f}; raise eps or n_steps, or lower least"
            )
        return points[kept]

    def ensembles(
        self, victim: Model, pool: Examples, seed: str, lab: Lab
    ) -> tuple[list[Model], list[Model]]:
        """Return surrogates, which learn the victim's answers to the pool, and references."""
        recipe = Recipe(epochs=self.epochs, batch=32)
        answered = Examples(pool.images, lab.logits(victim, pool.images).softmax(1))

        def made(role: str, examples: Examples) -> list[Model]:
            draws = [expand(seed, f"conferrable {role} {i}") for i in range(self.n_models)]
            return [
                lab.surrogate(
                    victim.card, examples, recipe, draw.child("initial"), draw.child("training")
                )
                for draw in draws
            ]

        return made("surrogate", answered), made("reference", pool)

    def represent(self, suspect: Suspect, points: Tensor) -> Tensor:
        """Return the suspect's labels."""
        return labels(suspect, points)
