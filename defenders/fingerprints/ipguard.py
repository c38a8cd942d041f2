"""IPGuard's fingerprint: points near the victim's decision boundary, and their labels."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

import torch
from torch import Tensor

from arena.errors import PlayerError
from arena.game.court.verdict import Rule, Verdict
from arena.game.rules.keys import Key, expand
from arena.game.sides.defense import OwnerTask, Protected, defense
from arena.game.sides.lab import Lab
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world.json_values import Json
from arena.world.kinds.interface import Output
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples
from defenders.fingerprints.fingerprint import Fingerprint
from defenders.fingerprints.own_copies import own_derivations
from defenders.fingerprints.parts.boundary import Search, aruc, boundary_points, halfway
from defenders.fingerprints.parts.distances import MATCHING_RATE
from defenders.fingerprints.parts.representations import labels
from defenders.fingerprints.parts.samplers import held_out
from defenders.fingerprints.scheme import PrintKey

Target = Literal["least-likely", "random"]


@defense("ipguard")
@dataclass(frozen=True, kw_only=True)
class IPGuard(Fingerprint):
    """Recognises a model by the labels that it gives to points near its decision boundary.

    What: held-out images are moved just behind the boundary to another class; a copy shares the
    boundary, so it gives these points the victim's labels, an independent model does not.
    Threat model: verification asks for labels of the points and of held-out images, by which it
    finds the independent models that are as useful as the suspect; the points are secret, drawn by
    a committed seed. The model is not changed.
    Parameters: n_points (K); margin (k, how far behind the boundary, in logits: small is unique,
    large is robust); target ("least-likely" or "random" class); lr, n_steps (of Adam); clip (keep
    points in [0, 1]).
    Cost: to protect, at most n_steps forward and backward passes over the points, in float64, so
    that another machine finds the same ones, and two short fine-tunings that set the paper's
    threshold; to verify, n_points label queries.
    Differences to the paper: points that do not arrive are left out; points are clipped, since an
    interface may refuse others; the p-value against independent models decides, the threshold on
    the matching rate is reported beside it and is set between copies and innocents that nobody
    reports on.
    Reference: Cao, Jia, Gong: IPGuard: protecting intellectual property of deep neural networks via
    fingerprinting the classification boundary, 2021; settings after the DeepJudge baseline.
    Versions: 2 (what is not rare among all null models is no proof).
    """

    paper: ClassVar[str] = "Cao et al., AsiaCCS 2021"
    reads: ClassVar[Output] = "labels"
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients", "nulls"})
    distance = MATCHING_RATE
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = distance.statistic
    dial: ClassVar[Dial] = Dial("margin", 0.1, 10.0, "log")
    quick = MappingProxyType({"n_points": 60, "lr": 0.01, "n_steps": 200})

    n_points: int = 100
    margin: float = 5.0
    target: Target = "least-likely"
    lr: float = 0.001
    n_steps: int = 1000
    clip: bool = True

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Find the points, and how copies of the owner's own answer them.

        Raises:
            PlayerError: no point arrives behind the boundary.
        """
        protected = super().protect(task, rng)
        secret = PrintKey.of(protected.key)
        copies = own_derivations(task, protected.model, rng.child("derivations"))
        values = [self.measure(copy, secret.points, secret.answers) for copy in copies]
        told = dataclasses.replace(secret, copy_values=values)
        return Protected(protected.model, told.into(protected.key))

    def sample(self, victim: Model, pool: Examples, seed: str, lab: Lab) -> Tensor:
        """Return held-out images moved behind the boundary (K, *shape)."""
        start = held_out(victim.kind, pool, self.n_points, seed)
        logits = lab.logits(victim, start)  # (B, C)
        target = logits.argmin(1)
        if self.target == "random":
            others = torch.from_numpy(
                expand(seed, "ipguard targets").numpy().integers(1, logits.shape[1], len(start))
            )
            target = (logits.argmax(1) + others) % logits.shape[1]
        how, device = Search(self.margin, self.lr, self.n_steps, self.clip), lab.compute.device
        view, meter = lab.frozen(victim, double=True), lab.meter
        start, target = start.double().to(device), target.to(device)
        points, arrived = boundary_points(view, start, target, how, meter)
        if not bool(arrived.any()):
            raise PlayerError(
                f"expected points behind the boundary by {self.margin:g}, none of {len(start)} "
                "arrived; lower margin, or raise lr or n_steps"
            )
        return points[arrived].float().cpu()

    def represent(self, suspect: Suspect, points: Tensor) -> Tensor:
        """Return the suspect's labels."""
        return labels(suspect, points)

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Compare the suspect's labels of the points with the victim's; the paper's rule beside."""
        verdict, secret = super().examine(key, suspect, rng), PrintKey.of(key)
        copies, nulls = list(secret.copy_values), list(secret.null_values)
        tau = halfway(copies, nulls) if nulls else 1.0
        figures: dict[str, Json] = {
            "n_points": len(secret.points),
            "tau": tau,
            "null_rates": nulls,
            "copy_rates": copies,
            "aruc": aruc(copies, nulls) if nulls else 0.0,
        }
        rule = Rule(f"MR >= {tau:.2f}", verdict.statistic >= tau)
        return dataclasses.replace(verdict, rule=rule, figures=figures)
