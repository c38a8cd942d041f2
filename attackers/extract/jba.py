"""Jacobian-based augmentation: a substitute grown from a few images and its own gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.lab import Lab
from arena.game.sides.player import Dial
from arena.world.json_values import Json
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, Recipe
from attackers.extract.knockoff import drawn
from attackers.extract.queries import ask, ask_more


def moved(lab: Lab, model: Model, known: Examples, step: float) -> Tensor:
    """Return x + step * sign(d f(x)[y] / dx), clipped to [0, 1], for images (N, *shape) in [0, 1].

    f(x)[y] is the substitute's logit of the class that the victim answered. The sum over all
    classes of a softmax would not do: it is constant, and the sign of its gradient is noise.
    """
    chosen = known.targets.argmax(1)  # (N,)

    def logit(logits: Tensor, index: Tensor) -> Tensor:
        return logits.gather(1, chosen[index, None].to(logits.device))[:, 0]

    gradient = lab.input_gradients(model, known.images, logit)
    return (known.images + step * gradient.sign()).clamp(0, 1)


@attack("jba")
@dataclass(frozen=True, kw_only=True)
class JacobianAugmentation(Attack):
    """Grows a few images along the substitute's own gradient and asks about each new one (JBA).

    What: in each round the substitute learns all that was answered so far, then every image gives
    one more: itself, moved by `step` in the sign of the gradient of the logit that the victim
    chose. Only new images are asked about. From round `reservoir_after` on, if a reservoir is set,
    only that many images, drawn at random, give another.
    Threat model: labels suffice, rows are used where granted; a few unlabelled own images; no
    weights, no architecture.
    Parameters: n_seeds (images); rounds (trainings; one growth fewer); step (in pixel values of
    [0, 1]); sign_period (the direction turns round every so many growths); reservoir (images, None
    for all); reservoir_after (growths); epochs in each round; lr of Adam; batch (images).
    Cost: n_seeds * 2^(rounds - 1) queries, 4,800 by default, in as many adaptive rounds as there
    are trainings; one model.
    Differences to the paper: the seeds are asked about as well (its authors label them by hand);
    images are clipped to [0, 1]; the reservoir, whose size we could not confirm, is off.
    Reference: Papernot et al.: Practical black-box attacks against machine learning, 2017; settings
    of the authors' own code.
    Versions: 1.
    """

    paper: ClassVar[str] = "Papernot et al., AsiaCCS 2017"
    needs: ClassVar[ThreatModel] = ThreatModel(output="labels", data=1)
    dial: ClassVar[Dial] = Dial("rounds", 1, 7)
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"rounds": 4})

    n_seeds: int = 150
    rounds: int = 6
    step: float = 0.1
    sign_period: int = 3
    reservoir: int | None = None
    reservoir_after: int = 3
    epochs: int = 10
    lr: float = 1e-3
    batch: int = 128

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Grow the set while the budget lasts."""
        recipe = Recipe(lr=self.lr, epochs=self.epochs, batch=self.batch)
        seeds = drawn(access.data().images, self.n_seeds, rng.child("seeds"))
        known = ask(access, seeds.float() / 255)
        model = access.lab.build(access.card, rng.child("model"))
        for number in range(self.rounds):
            access.lab.train(model, known, recipe, rng.child("training", number))
            if number + 1 < self.rounds:
                parents = self._parents(known, number, rng.child("reservoir", number))
                sign = (-1) ** (number // self.sign_period)
                points = moved(access.lab, model, parents, sign * self.step)
                known = known.joined(ask_more(access, points))
        return Deliverable(model)

    def _parents(self, known: Examples, number: int, rng: Rng) -> Examples:
        if self.reservoir is None or number < self.reservoir_after:
            return known
        order = torch.randperm(len(known), generator=rng.torch())
        return known.select(order[: self.reservoir])
