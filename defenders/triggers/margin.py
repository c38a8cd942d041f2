"""The margin-based watermark: wrong labels that hold in a whole neighbourhood of each trigger."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.errors import NotComparable
from arena.game.court.verdict import Verdict
from arena.game.rules.key_form import Checked
from arena.game.rules.keys import Key, drawn_seed, expand, first_fair, fresh_seed, redrawn
from arena.game.sides.defense import Defense, OwnerTask, Protected, defense
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world.kinds.interface import Output
from arena.world.rng import Rng
from arena.world.training import Examples, Meter
from defenders.triggers.scheme import WrongLabelsKey
from defenders.triggers.trigger_sets import TriggerFeed, binomial_verdict, n_hits


class MarginFeed(TriggerFeed):
    """Appends triggers to every batch, each moved to where the model believes its label the least.

    Signed gradient steps up the loss, from the trigger, within [0, 1]; the model is asked in eval
    mode, so that its running statistics are those of the batches alone.
    """

    def __init__(self, key: WrongLabelsKey, per_batch: int, moves: tuple[int, float], meter: Meter):
        images = key.images.float() / 255 if key.images.dtype == torch.uint8 else key.images
        super().__init__(images, key.labels, per_batch)
        (self.n_steps, self.step), self.meter = moves, meter

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Remember the model, and begin as the triggers' feed does."""
        super().start(model, rng, device)
        self.model = model

    def examples(self, step: int) -> Examples | None:
        """Return the next few triggers, moved."""
        found = super().examples(step)
        if found is None:
            return None
        points, training = found.images, self.model.training
        self.model.eval()
        for _ in range(self.n_steps):
            self.meter.charge({"images_forward": len(points), "images_backward": len(points)})
            point = points.detach().requires_grad_(True)
            loss = F.cross_entropy(self.model(point), found.targets)
            (gradient,) = torch.autograd.grad(loss, point)
            points = (points + self.step * gradient.sign()).clamp(0, 1)
        self.model.train(training)
        return Examples(points.detach(), found.targets)


@defense("margin")
@dataclass(frozen=True, kw_only=True)
class Margin(Defense):
    """Teaches wrong labels for real images with a margin around each, so that copies learn them.

    What: triggers are held-out images, their labels are drawn from the wrong classes by a committed
    seed. In every batch a few triggers are first moved to where the model doubts their label the
    most; so the label holds around the trigger, and whoever copies the function meets it.
    Threat model: copies by queries and changed copies; verification asks for labels of the
    triggers.
    Parameters: n_triggers (K); per_batch (triggers appended to a batch: their share of the loss);
    n_steps and step (of the moves, of pixel values in [0, 1]).
    Cost: per_batch more images a step, and n_steps forward and backward passes over them;
    verification is K label queries.
    Differences to the paper: a trigger weighs as much as another image, in place of a weight of
    0.1; moves see the model in eval mode; p is the larger of the tail of Bin(K, 1 / (C - 1)), which
    bounds that of any independent model, and that against null models.
    Reference: Kim, Lee, Hwang, Lee: Margin-based neural network watermarking, 2023.
    Versions: 1.
    """

    paper: ClassVar[str] = "Kim et al., ICML 2023"
    reads: ClassVar[Output] = "labels"
    uses_nulls: ClassVar[bool] = True
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients"})
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("TSA", "high")
    dial: ClassVar[Dial] = Dial("per_batch", 1, 32, "log")
    quick: ClassVar = MappingProxyType({"n_triggers": 20})

    n_triggers: int = 100
    per_batch: int = 25
    n_steps: int = 5
    step: float = 1 / 255

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Train the victim with moved triggers in every batch."""
        seed, nulls = fresh_seed(rng), task.nulls()

        def drawn(one: str) -> WrongLabelsKey:
            order = expand(one, "margin images").numpy().permutation(len(task.probe.images))
            chosen = torch.from_numpy(order[: self.n_triggers])
            images, own = task.probe.images[chosen].cpu(), task.probe.labels[chosen].cpu()
            return WrongLabelsKey.drawn(one, images, own, task.card.n_classes)

        def is_fair(one: str) -> bool:
            key = drawn(one)
            accused = sum(self._judge(key, hits, ()).is_copy for hits in _hits_of(key, nulls))
            return accused <= self.level * len(nulls)

        n_redraws = first_fair(is_fair, seed)
        secret = drawn(redrawn(seed, n_redraws))
        checked = Checked(redraws=n_redraws, null_hits=_hits_of(secret, nulls))
        moves = (self.n_steps, self.step)
        model = task.trained([MarginFeed(secret, self.per_batch, moves, task.lab.meter)])
        if self.protocol == "none":  # the seed is thrown away: nothing ties the key to a time
            seed = ""
        return Protected(model, checked.into(secret.into(Key("margin", seed))))

    def _judge(self, secret: WrongLabelsKey, hits: int, nulls: tuple[int, ...]) -> Verdict:
        chance = 1 / (secret.n_classes - 1)
        return binomial_verdict(hits, len(secret.labels), chance, self.level, nulls)

    def rederive(self, key: Key) -> Key:
        """Return the key with the labels that its seed gives to its images."""
        return WrongLabelsKey.of(key).expanded(drawn_seed(key)).into(key)

    def trigger_images(self, key: Key) -> Tensor:
        """Return the triggers (K, *input_shape)."""
        return WrongLabelsKey.of(key).images

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Count the triggers that get the owner's wrong label."""
        secret = WrongLabelsKey.of(key)
        if suspect.n_classes != secret.n_classes:
            raise NotComparable(
                f"the suspect tells {suspect.n_classes} classes apart, not {secret.n_classes}"
            )
        (hits,) = _hits_of(secret, [suspect])
        verdict = self._judge(secret, hits, tuple(Checked.of(key).null_hits))
        return dataclasses.replace(verdict, rule=None)


def _hits_of(secret: WrongLabelsKey, models: list[Suspect]) -> list[int]:
    """Return how many triggers get the owner's label from each model."""
    return [n_hits(model.labels(secret.images), secret.labels) for model in models]
