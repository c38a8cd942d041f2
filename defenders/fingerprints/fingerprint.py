"""What fingerprints have in common: points by a sampler, a representation, and a distance."""

from __future__ import annotations

import dataclasses
import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from arena.errors import NotComparable
from arena.game.court.nulls import Nulls, NullTest, Side
from arena.game.court.reference import Reference
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Key, fresh_seed
from arena.game.sides.defense import Defense, OwnerTask, Protected
from arena.game.sides.lab import Lab
from arena.game.sides.suspect import Suspect
from arena.world.models import Model, ModelCard
from arena.world.rng import Rng
from arena.world.training import Examples
from defenders.fingerprints.parts.distances import Distance
from defenders.fingerprints.scheme import PrintKey, alike, origin


@dataclass(frozen=True, kw_only=True)
class Fingerprint(Defense):
    """Base class of fingerprints. Subclasses write `sample` and `represent` and name a `distance`.

    The victim and the null models answer the points in `protect`; a suspect's distance to the
    victim is then compared with those of the null models: of all, and of those that are as useful
    as the suspect is.
    """

    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "nulls"})
    invasive: ClassVar[bool] = False
    distance: ClassVar[Distance]

    def pool(self, task: OwnerTask) -> Examples:
        """Return the owner's images that points are made of; here, the held-out ones."""
        return Examples.of(task.probe)

    @abstractmethod
    def sample(self, victim: Model, pool: Examples, seed: str, lab: Lab) -> Tensor:
        """Return the points (K, *input_shape) as floats in [0, 1]: the same from the same seed."""

    @abstractmethod
    def represent(self, suspect: Suspect, points: Tensor) -> Tensor:
        """Return what is read of a suspect: a row for each point (K, ...)."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Find the points and let the null models answer them; the model is released as it is."""
        victim, seed, pool = task.base(), fresh_seed(rng), self.pool(task)
        lab = task.lab.float32  # as `rederive` has it
        points = self.sample(victim, pool, seed, lab)
        answers = self._answers(victim, points, lab)
        nulls = task.nulls()
        secret = PrintKey(
            **origin(victim, pool),
            points=points,
            answers=answers,
            null_values=[self.measure(null, points, answers) for null in nulls],
        )
        if self.protocol == "none":  # the seed is thrown away: nothing ties the key to a time
            seed = ""
        key = secret.into(Key(self.name, seed))
        return Protected(victim.copy(), task.reference(nulls).into(key))

    def _answers(self, victim: Model, points: Tensor, lab: Lab) -> Tensor:
        lab.meter.charge({"images_forward": len(points)})
        return self.represent(Suspect.bare(victim, lab.compute), points).contiguous()

    def measure(self, suspect: Suspect, points: Tensor, answers: Tensor) -> float:
        """Return the distance of a suspect's answers from the victim's."""
        return self.distance.between(answers, self.represent(suspect, points))

    def rederive(self, key: Key) -> Key:
        """Return the key with the points found again from its seed, victim and pool.

        Points that differ by the rounding of another machine count as the same.
        """
        secret, lab = PrintKey.of(key), Lab()
        victim = secret.model()
        points = self.sample(victim, secret.pool, key.seed, lab)
        answers = self._answers(victim, points, lab)
        if alike(secret.points, points) and alike(secret.answers, answers):
            return key
        return dataclasses.replace(secret, points=points, answers=answers).into(key)

    def trigger_images(self, key: Key) -> Tensor:
        """Return the points."""
        return PrintKey.of(key).points

    def null_test(self, key: Key, copies: Side) -> NullTest:
        """Return the test of the distance on the key's points."""
        return self.distance.test(len(PrintKey.of(key).points))

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Compare the suspect's answers with the victim's, among models as useful as it is."""
        secret, reference = PrintKey.of(key), Reference.read(key)
        n_classes = ModelCard.read(secret.card).n_classes
        if suspect.n_classes != n_classes:
            raise NotComparable(
                f"the suspect tells {suspect.n_classes} classes apart, the victim {n_classes}"
            )
        value, n = self.measure(suspect, secret.points, secret.answers), len(secret.points)
        if not math.isfinite(value):
            raise NotComparable("the suspect's answers are not finite")
        nulls = reference.nulls(secret.null_values, self.distance.test(n))
        verdict = self.judge(value, n, nulls, reference.utility_of(suspect))
        return dataclasses.replace(verdict, reference=reference.title)

    def judge(self, value: float, n: int, nulls: Nulls, utility: float | None = None) -> Verdict:
        """Return the verdict on a value on `n` points, beside those of independent models."""
        p, needed = nulls.p_value(value, utility), nulls.threshold(self.level, utility)
        return Verdict(
            is_copy=p <= self.level,
            p_value=p,
            statistic=value,
            threshold=needed,
            name=self.distance.name,
            copies=self.distance.copies,
            reason=self.distance.said(value, n, needed),
            figures={"n_points": n, "null_values": list(nulls.near(utility))},
        )
