"""False claims: triggers that every model of the task obeys, committed before the victim exists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from arena.errors import PlayerError
from arena.game.rules.keys import Key, fresh_seed, prf_labels
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Claim, Deliverable
from arena.game.sides.lab import Lab
from arena.game.sides.player import Dial, PlayerSpec
from arena.world.data import Dataset
from arena.world.json_values import Json
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, Recipe
from defenders.triggers.scheme import AdiKey


@dataclass(frozen=True)
class Ball:
    """Where images may move: within `eps` of where they are, in steps of `step`."""

    eps: float
    step: float
    n_steps: int


def pushed(
    lab: Lab, models: Sequence[Model], images: Tensor, targets: Tensor, ball: Ball
) -> Tensor:
    """Return uint8 images (N, *shape) moved until all models together answer the targets (N,).

    Signed steps down the mean of the models' cross-entropies, projected onto the ball and [0, 1].

    Args:
        lab: where gradients are made, on the meter.
        models: that are to be fooled.
        images: (N, *shape), uint8.
        targets: classes.
        ball: how far.
    """
    start = images.float() / 255

    def loss(logits: Tensor, index: Tensor) -> Tensor:
        return F.cross_entropy(logits, targets[index].to(logits.device), reduction="none")

    moved = start
    for _ in range(ball.n_steps):
        gradient = torch.stack([lab.input_gradients(m, moved, loss) for m in models]).mean(0)
        moved = moved - ball.step * gradient.sign()
        moved = torch.clamp(moved, start - ball.eps, start + ball.eps).clamp(0, 1)
    return (moved * 255).round().byte()


def confidence(lab: Lab, models: Sequence[Model], images: Tensor, targets: Tensor) -> Tensor:
    """Return the least probability (N,) that any of the models gives to the target."""
    rows = [lab.logits(model, images).softmax(1) for model in models]
    return torch.stack([row.gather(1, targets[:, None])[:, 0] for row in rows]).min(0).values


@attack("false-claim")
@dataclass(frozen=True, kw_only=True)
class FalseClaim(Attack):
    """Commits to transferable adversarial images early, then claims any model of the task.

    What: the claimant trains models of its own, moves its images to random classes until these
    models agree, and keeps those that further models, which took no part, are surest of. It enters
    them into the register as triggers, bound to its own model, before the victim is published. It
    never looks at the victim: what transfers to all models transfers to that one.
    Threat model: labelled own data, the scheme's name, a commitment before publication; no access.
    Parameters: n_references (models beside its own that images are made on), n_held_out (that they
    are chosen by), epochs, lr of Adam and batch of their training; n_triggers; eps (pixel values in
    [0, 1]), step, n_steps of the search; labels ("own", or "prf": of the images that are found only
    those whose label a pseudo-random function of the claimant's seed gives as well).
    Cost: 0 queries; 1 + n_references + n_held_out trainings, and n_steps passes of all own images
    on all but the held-out models.
    Differences to the paper: fewer models; images are chosen by the least probability on held-out
    models, not by a bound on their loss.
    Reference: Liu et al.: False claims against model ownership resolution, 2024.
    Versions: 1.
    """

    paper: ClassVar[str] = "Liu et al., USENIX Security 2024"
    needs: ClassVar[ThreatModel] = ThreatModel(
        data=1,
        data_labels=True,
        precommit=True,
        knows=frozenset({"scheme"}),
        deliverables=frozenset({"claim"}),
    )
    dial: ClassVar[Dial] = Dial("eps", 4 / 255, 64 / 255)
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType(
        {"n_references": 1, "n_held_out": 1, "epochs": 3, "n_steps": 10}
    )

    n_references: int = 4
    n_held_out: int = 2
    epochs: int = 30
    lr: float = 1e-3
    batch: int = 64
    n_triggers: int = 100
    eps: float = 16 / 255
    step: float = 0.01
    n_steps: int = 50
    labels: Literal["own", "prf"] = "own"

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Commit first, claim afterwards."""
        own, *others = self._models(access, rng)
        made_on, chosen_by = [own, *others[: self.n_references]], others[self.n_references :]
        seed = fresh_seed(rng)
        images, targets = self._found(access, made_on, seed, rng)
        sure = confidence(access.lab, [own, *chosen_by], images, targets)
        best = sure.argsort(descending=True, stable=True)[: self.n_triggers]
        shown = seed if self.labels == "prf" else ""
        key = AdiKey.holding(images[best], targets[best], access.n_classes).into(Key("adi", shown))
        access.commit(key.commitment(), own.digest())
        return Deliverable(claim=Claim(PlayerSpec(name="adi"), key, own))

    def _models(self, access: Access, rng: Rng) -> list[Model]:
        """Return the claimant's own model and the others, each from its own start."""
        data, models = Examples.of(access.data()), []
        recipe = Recipe(lr=self.lr, epochs=self.epochs, batch=self.batch)
        for i in range(1 + self.n_references + self.n_held_out):
            stream = rng.child("model", i)
            streams = (stream.child("initial"), stream.child("training"))
            models.append(access.lab.surrogate(access.card, data, recipe, *streams))
        return models

    def _found(
        self, access: Access, models: Sequence[Model], seed: str, rng: Rng
    ) -> tuple[Tensor, Tensor]:
        """Return the moved images and their labels; those alone that "prf" leaves."""
        data: Dataset = access.data()
        draw = rng.child("targets").torch()
        away = torch.randint(1, access.n_classes, data.labels.shape, generator=draw)
        targets = (data.labels + away) % access.n_classes
        ball = Ball(self.eps, self.step, self.n_steps)
        images = pushed(access.lab, models, data.images, targets, ball)
        if self.labels == "own":
            return images, targets
        kept = prf_labels(seed, images, access.n_classes) == targets
        if not bool(kept.any()):
            raise PlayerError(
                "expected images whose label the seed gives, found none; use more data"
            )
        return images[kept], targets[kept]
