"""IPGuard's fingerprint: points near the victim's decision boundary, and their labels."""

from __future__ import annotations

import bisect
import dataclasses
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

import torch
from torch import Tensor

from arena.errors import NotComparable, PlayerError
from arena.game.court.nulls import nearest
from arena.game.court.reference import Reference
from arena.game.court.verdict import Rule, Verdict
from arena.game.rules.keys import Key, expand, fresh_seed
from arena.game.sides.defense import Defense, OwnerTask, Protected, defense
from arena.game.sides.lab import Lab
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world.json_values import Json
from arena.world.kinds.interface import Output
from arena.world.models import Model, ModelCard
from arena.world.rng import Rng
from arena.world.training import Examples
from defenders.fingerprints.ipguard_search import Search, aruc, boundary_points, halfway
from defenders.fingerprints.own_copies import own_derivations
from defenders.fingerprints.scheme import IPGuardKey, alike, drawn, floats, origin
from defenders.triggers.trigger_sets import n_hits, null_hits_p_value

Target = Literal["least-likely", "random"]


@defense("ipguard")
@dataclass(frozen=True, kw_only=True)
class IPGuard(Defense):
    """Recognises a model by the labels that it gives to points near its decision boundary.

    What: held-out images are moved just behind the boundary to another class; a copy shares the
    boundary, so it gives these points the victim's labels, an independent model does not.
    Threat model: verification asks for labels of the points and of held-out images, by which it
    finds the independent models that are as useful as the suspect; the points are secret, drawn by
    a committed seed. The model is not changed.
    Parameters: n_points (K); margin (k, how far behind the boundary, in logits: small is unique,
    large is robust); target ("least-likely" or "random" class); lr, n_steps (of Adam); clip (keep
    points in [0, 1]).
    Cost: to protect, at most n_steps forward and backward passes over the points, and two short
    fine-tunings that set the paper's threshold; to verify, n_points label queries.
    Differences to the paper: points that do not arrive are left out; points are clipped, since an
    interface may refuse others; the p-value against independent models decides, the threshold on
    the matching rate is reported beside it and is set between copies and innocents that nobody
    reports on.
    Reference: Cao, Jia, Gong: IPGuard: protecting intellectual property of deep neural networks via
    fingerprinting the classification boundary, 2021; settings after the DeepJudge baseline.
    Versions: 1.
    """

    paper: ClassVar[str] = "Cao et al., AsiaCCS 2021"
    reads: ClassVar[Output] = "labels"
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients", "nulls"})
    invasive: ClassVar[bool] = False
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("MR", "high")
    dial: ClassVar[Dial] = Dial("margin", 0.1, 10.0, "log")
    quick = MappingProxyType({"n_points": 60, "lr": 0.01, "n_steps": 200})

    n_points: int = 100
    margin: float = 5.0
    target: Target = "least-likely"
    lr: float = 0.001
    n_steps: int = 1000
    clip: bool = True

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Find the points and calibrate; the model is released as it is.

        Raises:
            PlayerError: no point arrives behind the boundary.
        """
        victim, seed, pool = task.base(), fresh_seed(rng), Examples.of(task.probe)
        points, labels = self._points(seed, victim, pool, task.lab)
        nulls = task.nulls()
        models = {
            "copies": own_derivations(task, victim, rng.child("derivations")),
            "nulls": nulls,
        }
        told = task.reference(nulls)
        hits = {
            kind: [n_hits(model.labels(points), labels) for model in suspects]
            for kind, suspects in models.items()
        }
        secret = IPGuardKey(
            **origin(victim, pool),
            hits={"copies": hits["copies"], "nulls": hits["nulls"]},
            points=points,
            point_labels=labels,
        )
        if self.protocol == "none":  # the seed is thrown away: nothing ties the key to a time
            seed = ""
        return Protected(victim.copy(), told.into(secret.into(Key("ipguard", seed))))

    def _points(self, seed: str, victim: Model, pool: Examples, lab: Lab) -> tuple[Tensor, Tensor]:
        """Return the points (K, *shape) and the victim's labels for them (K,)."""
        chosen = drawn(len(pool), self.n_points, expand(seed, "ipguard images"))
        start = floats(pool.images[chosen])
        logits = lab.logits(victim, start)  # (B, C)
        target = logits.argmin(1)
        if self.target == "random":
            others = torch.from_numpy(
                expand(seed, "ipguard targets").numpy().integers(1, logits.shape[1], len(start))
            )
            target = (logits.argmax(1) + others) % logits.shape[1]
        how, device = Search(self.margin, self.lr, self.n_steps, self.clip), lab.compute.device
        view = lab.frozen(victim)
        points, arrived = boundary_points(view, start.to(device), target.to(device), how, lab.meter)
        if not bool(arrived.any()):
            raise PlayerError(
                f"expected points behind the boundary by {self.margin:g}, none of {len(start)} "
                "arrived; lower margin, or raise lr or n_steps"
            )
        kept = points[arrived].cpu()
        return kept, lab.labels(victim, kept)

    def rederive(self, key: Key) -> Key:
        """Return the key with the points found again from its seed, victim and pool.

        Points that differ by the rounding of another machine count as the same.
        """
        secret = IPGuardKey.of(key)
        points, labels = self._points(key.seed, secret.model(), secret.pool, Lab())
        if alike(secret.points, points) and alike(secret.point_labels, labels):
            return key
        return dataclasses.replace(secret, points=points, point_labels=labels).into(key)

    def trigger_images(self, key: Key) -> Tensor:
        """Return the points."""
        return IPGuardKey.of(key).points

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Compare the suspect's labels of the points with the victim's."""
        secret = IPGuardKey.of(key)
        n_classes = ModelCard.read(secret.card).n_classes
        if suspect.n_classes != n_classes:
            raise NotComparable(
                f"the suspect tells {suspect.n_classes} classes apart, the victim {n_classes}"
            )
        found = n_hits(suspect.labels(secret.points), secret.point_labels)
        reference = Reference.read(key)
        nulls, copies = list(secret.hits["nulls"]), list(secret.hits["copies"])
        near = nulls
        if reference.utilities:
            utility = reference.utility_of(suspect)
            near = [nulls[i] for i in nearest(reference.utilities, utility)]
        verdict = self._verdict(found, len(secret.points), nulls, copies, near)
        return dataclasses.replace(verdict, reference=reference.title)

    def _verdict(
        self, found: int, n: int, nulls: list[int], copies: list[int], near: list[int] | None = None
    ) -> Verdict:
        def p_value(hits: int) -> float:
            return null_hits_p_value(hits, n, nulls if near is None else near)

        p = p_value(found)
        needed = bisect.bisect_left(range(n + 1), True, key=lambda k: p_value(k) <= self.level)
        rates = [k / n for k in copies], [k / n for k in nulls]
        tau = halfway(*rates) if nulls else 1.0
        figures: dict[str, Json] = {
            "n_points": n,
            "tau": tau,
            "null_rates": rates[1],
            "copy_rates": rates[0],
            "aruc": aruc(*rates) if nulls else 0.0,
        }
        return Verdict(
            is_copy=p <= self.level,
            p_value=p,
            statistic=found / n,
            threshold=needed / n,
            name="MR",
            copies="high",
            reason=f"{found} of {n} points get the victim's label, {needed} are needed",
            rule=Rule(f"MR >= {tau:.2f}", found / n >= tau),
            figures=figures,
        )
