"""Copies without data, with a generator that is led by guessed gradients: what they share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from arena.errors import BudgetExceeded
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.json_values import Json
from arena.world.rng import Rng
from attackers.extract.datafree.disagreement import (
    Clone,
    Differences,
    Loss,
    PixelGenerator,
    ask_all,
    divergence,
    guessed_gradient,
    new_pixel_generator,
    shown,
)

Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, kw_only=True)
class ByDisagreement(Attack):
    """Copies without data: a generator looks for images on which the copy and the victim disagree.

    What: by turns the generator makes a step up the disagreement, whose gradient is guessed by
    finite differences of the victim's answers, and the copy learns the victim's answers to fresh
    images of the generator.
    Threat model: probabilities; images in [0, 1]; no data, no weights, no architecture.
    Parameters: n_queries (in all); batch (images); n_directions (m) and length (mu) of the finite
    differences; clone_steps and replay_steps (of the copy, on fresh and on remembered answers, for
    each step of the generator); latent (width of the noise); lr and generator_lr.
    Cost: n_queries queries, in as many adaptive rounds as there are batches; two models.
    Reference: Kariyappa, Prakash, Qureshi: MAZE: data-free model stealing attack using zeroth-order
    gradient estimation, 2021; Truong, Maini, Walls, Papernot: Data-free model extraction, 2021.
    Versions: 1.
    """

    needs: ClassVar[ThreatModel] = ThreatModel(output="probabilities")
    dial: ClassVar[Dial] = Dial("n_queries", 2_000, 200_000, "log")
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"n_queries": 1_500, "batch": 32})
    loss: ClassVar[Loss] = staticmethod(divergence)
    reuses: ClassVar[bool] = False

    n_queries: int = 100_000
    batch: Count = 128
    n_directions: Count = 1
    length: Annotated[float, Field(gt=0)] = 1e-3
    clone_steps: Count = 5
    replay_steps: int = 0
    latent: Count = 100
    lr: float = 0.1
    generator_lr: float = 1e-4

    def __post_init__(self) -> None:
        if self.n_queries < self.queries_a_turn:
            raise ValueError(
                f"expected n_queries of at least {self.queries_a_turn}, which one turn asks, found "
                f"{self.n_queries}; a smaller batch asks less"
            )

    @property
    def queries_a_turn(self) -> int:
        """Return what one turn of both asks; a first batch that is learnt again costs nothing."""
        fresh = self.clone_steps - int(self.reuses)
        return self.batch * (1 + self.n_directions + fresh)

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Play turns while the budget lasts; rates fall along a cosine.

        Raises:
            BudgetExceeded: the copy could not make one step.
        """
        lab = access.lab
        model = lab.build(access.card, rng.child("model"))
        lab.compute.place(model)
        sgd = torch.optim.SGD(model.parameters(), self.lr, 0.9, weight_decay=5e-4)
        clone = Clone(lab, model, sgd, type(self).loss)
        shape = access.card.input_shape
        generator = new_pixel_generator(lab, shape, self.latent, rng.child("generator"))
        teacher = torch.optim.Adam(generator.parameters(), self.generator_lr)
        n_turns = self.n_queries // self.queries_a_turn
        for number in range(n_turns):
            share = (1 + math.cos(math.pi * number / n_turns)) / 2
            _set_rate(sgd, self.lr * share)
            _set_rate(teacher, self.generator_lr * share)
            try:
                self._turn(access, clone, generator, teacher, rng.child("turn", number))
            except BudgetExceeded:
                if not clone.n_steps:
                    raise
                break
        return Deliverable(model.eval())

    def _turn(
        self,
        access: Access,
        clone: Clone,
        generator: PixelGenerator,
        teacher: torch.optim.Optimizer,
        rng: Rng,
    ) -> None:
        """Let the generator make one step, and the copy its own."""
        maps = generator.train()(self._noise(rng.child("noise")))
        images = shown(maps.detach())
        answers = ask_all(access, images)
        how = Differences(self.n_directions, self.length)
        stream = rng.child("directions")
        gradient = guessed_gradient(access, clone, maps.detach(), answers, how, stream)
        access.lab.meter.charge({"steps": 1})
        teacher.zero_grad(set_to_none=True)
        maps.backward(-gradient / len(maps))  # up the disagreement
        teacher.step()
        for step in range(self.clone_steps):
            if step or not self.reuses:
                images = self._images(generator, rng.child("fresh", step))
                answers = ask_all(access, images)
            clone.learn(images, answers)
        clone.remember(images, answers)
        for step in range(self.replay_steps):
            clone.replay(rng.child("replay", step))

    def _noise(self, rng: Rng) -> Tensor:
        return torch.randn(self.batch, self.latent, generator=rng.torch())

    @torch.no_grad()
    def _images(self, generator: PixelGenerator, rng: Rng) -> Tensor:
        return shown(generator(self._noise(rng)))


def _set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate
