"""What both forms of dataset inference share: points, what tells them apart, and the test."""

from __future__ import annotations

import dataclasses
import math
from abc import abstractmethod
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

import numpy as np
import scipy  # its parts load when they are first used
import torch
from pydantic import Field
from torch import Tensor

from arena.errors import NotComparable, PlayerError
from arena.game.court.nulls import ENOUGH, Nulls, Values
from arena.game.court.reference import Reference
from arena.game.court.verdict import Rule, Verdict
from arena.game.rules.innocents import Accused
from arena.game.rules.keys import Key, expand, fresh_seed
from arena.game.sides.defense import Defense, OwnerTask, Protected
from arena.game.sides.suspect import Suspect
from arena.world.compute import Compute
from arena.world.models import Model, ModelCard
from arena.world.rng import Rng
from arena.world.training import Examples
from defenders.fingerprints.parts.margins import learnt, rows_of, scales_of, strangeness
from defenders.fingerprints.scheme import MembersKey, alike, drawn, floats, origin

_FEWEST = 8  # points of a kind, of which half teach and half are the test
Kinds = tuple[Tensor, Tensor]
"""What is measured on members and on held-out points."""


def welch(gap_of: Kinds) -> tuple[float, float, float]:
    """Return mean(held-out) - mean(members), its standard error, and the degrees of freedom.

    One-sided Welch test that held-out points are stranger. Values that do not vary have error 0.

    >>> welch((torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0])))
    (1.0, 0.7071067811865476, 2.0)
    """
    members, held_out = (np.asarray(part, dtype=np.float64) for part in gap_of)
    parts = [values.var(ddof=1) / len(values) for values in (members, held_out)]
    spread = sum(parts)
    free = [part**2 / (len(v) - 1) for part, v in zip(parts, (members, held_out), strict=True)]
    degrees = spread**2 / sum(free) if spread else 1.0
    return float(held_out.mean() - members.mean()), float(spread**0.5), float(degrees)


@dataclass(frozen=True, kw_only=True)
class Inference(Defense):
    """Base class of both ways to measure how far points are from a suspect's boundary."""

    paper: ClassVar[str] = "Maini et al., ICLR 2021"
    accuses: ClassVar[Accused] = "data"
    uses_nulls: ClassVar[bool] = True
    invasive: ClassVar[bool] = False
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("mean difference", "high")
    victim = MappingProxyType(
        {  # learnt by heart: where data and other images are answered alike nothing can be inferred
            "data": "shapes",
            "model": "mlp",
            "recipe": {"epochs": 30},
            "shares": {"owner": 0.01, "thief": 0.01, "calibration": 0.01, "probe": 0.4},
        }
    )

    n_points: Annotated[int, Field(ge=_FEWEST)] = 1000
    stride: float = 1.0

    @abstractmethod
    def embed(self, suspect: Suspect, points: Examples, stream: str) -> Tensor:
        """Return how far points are from the suspect's boundary, (N, J, 3)."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Learn on the owner's model what tells its data apart; the model is released as it is."""
        victim, seed = task.base(), fresh_seed(rng)
        data, probe = Examples.of(task.data), Examples.of(task.probe)
        secret = self._derived(seed, victim, data.joined(probe), len(data), task.lab.compute)
        nulls = task.nulls()
        gaps = [welch(self.measure(secret, null))[0] for null in nulls]
        secret = dataclasses.replace(secret, null_values=gaps)
        task.lab.meter.charge({"images_forward": 2 * len(secret.points) * self.n_asked})
        if self.protocol == "none":  # the seed is thrown away: nothing ties the key to a time
            seed = ""
        key = secret.into(Key(self.name, seed))
        return Protected(victim.copy(), task.reference(nulls).into(key))

    @property
    @abstractmethod
    def n_asked(self) -> int:
        """Forward passes of a suspect for each point, at most."""

    def _derived(
        self, seed: str, victim: Model, pool: Examples, n_members: int, compute: Compute
    ) -> MembersKey:
        """Return what a seed, a victim and a pool expand to."""
        n_each = [min(n, self.n_points) for n in (n_members, len(pool) - n_members)]
        if min(n_each) < _FEWEST:
            raise PlayerError(
                f"expected {_FEWEST} images of the owner's data and as many held-out ones, found "
                f"{n_members} and {len(pool) - n_members}; give more"
            )
        draw = expand(seed, "dataset inference points")
        whole = [
            drawn(n_members, n_each[0], draw.child("members")),
            n_members + drawn(len(pool) - n_members, n_each[1], draw.child("held-out")),
        ]
        mixed = [
            part[torch.from_numpy(draw.child(str(i)).numpy().permutation(len(part)))]
            for i, part in enumerate(whole)
        ]
        (teach, members), (others, held_out) = [part.tensor_split(2) for part in mixed]
        stream = str(expand(seed, "dataset inference walks").numpy().integers(2**62))
        index = torch.cat([teach, others])
        shown = Examples(floats(pool.images[index]), pool.targets[index])
        found = self.embed(Suspect.bare(victim, compute), shown, f"{stream}, taught")
        scales = scales_of(found[: len(teach)])
        is_held_out = torch.arange(len(index)) >= len(teach)
        start = expand(seed, "dataset inference regressor")
        return MembersKey(
            **origin(victim, pool),
            n_members=n_members,
            stream=stream,
            members=members,
            held_out=held_out,
            scales=scales,
            regressor=learnt(rows_of(found, scales), is_held_out, start),
        )

    def measure(self, secret: MembersKey, suspect: Suspect) -> Kinds:
        """Return how strange the test's points seem to be to a suspect: members, held-out ones."""
        rows = rows_of(self.embed(suspect, secret.points, secret.stream), secret.scales)
        found = strangeness(rows, secret.regressor)
        if not bool(found.isfinite().all()):
            raise NotComparable("the suspect's answers or gradients are not finite")
        return found[: len(secret.members)], found[len(secret.members) :]

    def rederive(self, key: Key) -> Key:
        """Return the key with all that its seed, victim and pool expand to."""
        secret = MembersKey.of(key)
        again = self._derived(key.seed, secret.model(), secret.pool, secret.n_members, Compute())
        same = again.stream == secret.stream and all(
            alike(first, second)
            for first, second in (
                (secret.members, again.members),
                (secret.held_out, again.held_out),
                (secret.scales, again.scales),
                *((secret.regressor[name], again.regressor[name]) for name in again.regressor),
            )
        )
        if same:
            return key
        return dataclasses.replace(again, null_values=secret.null_values).into(key)

    def trigger_images(self, key: Key) -> Tensor:
        """Return the points of the test."""
        return MembersKey.of(key).points.images

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Test whether held-out points are stranger to the suspect than the owner's data."""
        secret, reference = MembersKey.of(key), Reference.read(key)
        n_classes = ModelCard.read(secret.card).n_classes
        if suspect.n_classes != n_classes:
            raise NotComparable(
                f"the suspect tells {suspect.n_classes} classes apart, the victim {n_classes}"
            )
        strange, nulls = self.measure(secret, suspect), secret.null_values
        if len(nulls) < ENOUGH:
            return self.judge(strange)
        known = reference.nulls(nulls, Values("high"))
        verdict = self.judge(strange, known, reference.utility_of(suspect))
        return dataclasses.replace(verdict, reference=reference.title)

    def judge(
        self, strange: Kinds, nulls: Nulls | None = None, utility: float | None = None
    ) -> Verdict:
        """Return the verdict: the larger p-value of Welch's test and against models if enough."""
        gap, error, degrees = welch(strange)
        welch_p = float(scipy.stats.t.sf(gap / error, degrees)) if error else 1.0
        p, needed = welch_p, math.inf
        if error:
            needed = error * float(scipy.stats.t.isf(self.level, degrees))
        if nulls is not None:
            p = max(p, nulls.p_value(gap, utility))
            needed = max(needed, nulls.threshold(self.level, utility))
        return Verdict(
            is_copy=p <= self.level,
            p_value=p,
            statistic=gap,
            threshold=needed,
            name=self.statistic[0],
            copies="high",
            reason=f"held-out points seem {gap:.3f} stranger than the owner's data, at least "
            f"{needed:.3f} is needed",
            rule=Rule("Welch p <= 0.01", welch_p <= 0.01),
            figures={
                "n_members": len(strange[0]),
                "n_held_out": len(strange[1]),
                "welch_p": welch_p,
                "null_values": [] if nulls is None else list(nulls.near(utility)),
            },
        )
