"""Frontier stitching: adversarial examples near the boundary that the marked model gets right."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from arena.errors import NotComparable, PlayerError
from arena.game.court.reference import Reference
from arena.game.court.verdict import Verdict
from arena.game.rules.key_form import Count, shape_problem
from arena.game.rules.keys import Key, expand, fresh_seed
from arena.game.sides.defense import Defense, OwnerTask, Protected, defense
from arena.game.sides.lab import Lab
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world.kinds.interface import Output
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, Hook
from defenders.fingerprints.scheme import Origin, alike, drawn, floats, origin
from defenders.triggers.trigger_sets import (
    TriggerFeed,
    binomial_verdict,
    hit_nulls,
    larger,
    n_hits,
    null_verdict,
)
from defenders.weights.readers import Embed, embedded

_CHANCE = 0.5  # of a model to give an adversary its right class: the paper's null


@dataclass(frozen=True, kw_only=True)
class FrontierKey(Origin):
    """Adversaries of an unmarked model, with their right classes.

    Attributes:
        n_classes: C. points: (K, *input_shape) in [0, 1]. wanted: their right classes (K,).
        null_hits: how many points independent models get right.
    """

    n_classes: Count
    points: Tensor
    wanted: Tensor
    null_hits: Sequence[int] = ()

    def problems(self) -> Iterator[str]:
        """Yield what does not fit together."""
        yield from super().problems()
        yield from shape_problem("wanted", self.wanted, len(self.points))
        if not len(self.points):
            yield "expected points, found none"


def adversaries(model: Model, examples: Examples, eps: float, lab: Lab) -> tuple[Examples, Tensor]:
    """Return images moved by one signed step up the loss, and which of them the model then fails.

    Only images that the model gets right are moved. Source: Goodfellow et al., ICLR 2015 (FGSM).

    Args:
        model: unmarked.
        examples: floats in [0, 1] with true classes.
        eps: the step, of pixel values in [0, 1].
        lab: of the owner.
    """
    right = lab.labels(model, examples.images) == examples.targets
    start = examples.select(right)

    def loss(logits: Tensor, index: Tensor) -> Tensor:
        return F.cross_entropy(logits, start.targets[index].to(logits.device), reduction="none")

    gradients = lab.input_gradients(model, start.images, loss)
    moved = (start.images + eps * gradients.sign()).clamp(0, 1)
    return Examples(moved, start.targets), lab.labels(model, moved) != start.targets


@defense("frontier-stitching")
@dataclass(frozen=True, kw_only=True)
class FrontierStitching(Defense):
    """Stitches the boundary: fine-tunes until adversaries of the unmarked model are right again.

    What: held-out images, moved by one signed gradient step, become true adversaries (the unmarked
    model now errs) and false ones (it does not), about half of either; all keep their right class,
    and the model is fine-tuned to give it. Others of its kind get part of them wrong.
    Threat model: verification asks for labels of the points and of held-out images; the points are
    secret, drawn by a committed seed.
    Parameters: n_points (K, at most: half true, half false adversaries); eps (of the step, of pixel
    values in [0, 1]); per_batch (points appended to a batch); embed (as in uchida).
    Cost: per_batch more images a step; verification is K label queries and those of the exam.
    Differences to the paper: its null lets any model get a point right with chance 1/2; robust or
    merely different models get more right, so the larger of that p-value and the one against
    independent models as useful as the suspect counts; eps is ours.
    Reference: Le Merrer, Perez, Tredan: Adversarial frontier stitching for remote neural network
    watermarking, 2020; Lukas et al., S&P 2022 (settings).
    Versions: 2 (what is not rare among all null models is no proof).
    """

    paper: ClassVar[str] = "Le Merrer et al., Neural Computing and Applications 2020"
    reads: ClassVar[Output] = "labels"
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients", "nulls"})
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("TSA", "high")
    dial: ClassVar[Dial] = Dial("per_batch", 2, 32, "log")

    n_points: Annotated[int, Field(ge=2)] = 80
    eps: float = 0.25
    per_batch: int = 16
    embed: Embed = "fine-tune"

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Find adversaries of the unmarked model and fine-tune on them."""
        seed, base, pool = fresh_seed(rng), task.base(), Examples.of(task.probe)
        lab = task.lab.float32  # as `rederive` has it
        points = self.points(base, pool, seed, lab)
        secret = FrontierKey(
            **origin(base, pool),
            n_classes=task.card.n_classes,
            points=points.images,
            wanted=points.targets,
        )
        model, nulls = embedded(task, [self.feed(secret, lab)], self.embed), task.nulls()
        hits = [self.hits(secret, null) for null in nulls]
        secret = dataclasses.replace(secret, null_hits=hits)
        if self.protocol == "none":  # the seed is thrown away: nothing ties the key to a time
            seed = ""
        return Protected(model, task.reference(nulls).into(secret.into(Key(self.name, seed))))

    def feed(self, secret: FrontierKey, lab: Lab) -> Hook:
        """Return what teaches the points, in every batch."""
        return TriggerFeed(secret.points, secret.wanted, self.per_batch)

    def hits(self, secret: FrontierKey, suspect: Suspect) -> int:
        """Return how many points a suspect answers as is wanted."""
        return n_hits(suspect.labels(secret.points), secret.wanted)

    def points(self, base: Model, pool: Examples, seed: str, lab: Lab) -> Examples:
        """Return true and false adversaries, as many of either as there are, up to K / 2."""
        order = drawn(len(pool), len(pool), expand(seed, "frontier images"))
        moved, failed = adversaries(
            base, Examples(floats(pool.images)[order], pool.targets[order].cpu()), self.eps, lab
        )
        halves = [which.nonzero()[: self.n_points // 2, 0] for which in (failed, ~failed)]
        if not all(len(half) for half in halves):
            raise PlayerError(
                f"expected adversaries that the model fails and such that it does not, found "
                f"{len(halves[0])} and {len(halves[1])} of {len(moved)} at eps {self.eps:g}; "
                "choose another eps"
            )
        return moved.select(torch.cat(halves))

    def rederive(self, key: Key) -> Key:
        """Return the key with the points found again from its seed, unmarked model and pool."""
        secret, lab = FrontierKey.of(key), Lab()
        points = self.points(secret.model(), secret.pool, key.seed, lab)
        if alike(secret.points, points.images) and alike(secret.wanted, points.targets):
            return key
        return dataclasses.replace(secret, points=points.images, wanted=points.targets).into(key)

    def trigger_images(self, key: Key) -> Tensor:
        """Return the points (K, *input_shape)."""
        return FrontierKey.of(key).points

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Count the points that the suspect gets right; compare with chance and with the nulls."""
        secret, reference = FrontierKey.of(key), Reference.read(key)
        if suspect.n_classes != secret.n_classes:
            raise NotComparable(
                f"the suspect tells {suspect.n_classes} classes apart, not {secret.n_classes}"
            )
        hits, n = self.hits(secret, suspect), len(secret.points)
        nulls = hit_nulls(secret.null_hits, n, reference)
        utility = reference.utility_of(suspect)
        verdict = larger(
            binomial_verdict(hits, n, _CHANCE, self.level),
            null_verdict(hits, n, nulls, self.level, utility=utility),
        )
        return dataclasses.replace(verdict, reference=reference.title)
