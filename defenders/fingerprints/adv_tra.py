"""ADV-TRA: chains of points that walk across several of the victim's decision boundaries."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from arena.errors import PlayerError
from arena.game.rules.keys import expand
from arena.game.sides.defense import defense
from arena.game.sides.lab import Lab
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world.kinds.interface import Output
from arena.world.models import Model
from arena.world.training import Examples
from defenders.fingerprints.fingerprint import Fingerprint
from defenders.fingerprints.parts.distances import MATCHING_RATE
from defenders.fingerprints.parts.representations import labels
from defenders.fingerprints.parts.samplers import held_out
from defenders.fingerprints.parts.trajectories import Pace, chained, routes


@defense("adv-tra")
@dataclass(frozen=True, kw_only=True)
class AdvTra(Fingerprint):
    """Recognises a model by its labels along walks from class to class (adversarial trajectories).

    What: from a held-out image a chain of points walks into one class after the other. Each
    crossing takes the same number of steps down the sign of the gradient, their size chosen so that
    the boundary lies in its middle. A copy's boundaries are near the victim's, so most points of a
    chain keep their labels though they moved; an independent model's lie elsewhere.
    Threat model: verification asks for labels of the points and of held-out images; the points are
    secret, drawn by a committed seed. Gradients are the owner's, of its own model, which is not
    changed.
    Parameters: n_trajectories (at most: those that miss a class are left out); n_classes (that a
    trajectory goes through, with its first); length (steps of a crossing, even); step (of pixel
    values in [0, 1], the first that is tried); brake (each step towards the boundary as a share of
    the step before, mirrored behind it; 1: equal steps); n_tries (of the size of a crossing).
    Cost: to protect, at most n_tries * length forward and backward passes over n_trajectories
    images for each crossing, in float64, so that another machine walks the same way; to verify,
    n_trajectories * (1 + (n_classes - 1) * length) label queries.
    Differences to the paper: the size of a crossing is found by growing and halving, and steps keep
    to the brake exactly, where the paper descends on a penalty for leaving it; fewer and longer
    trajectories than its code's (20 for 100, crossings of 8 steps for 4); from held-out images, not
    the training data; the statistic is the share of all points that match, one less the mean
    mutation rate, where the paper counts trajectories whose mutation rate is below a threshold; the
    p-value comes from independent models as useful as the suspect.
    Reference: Xu, Wang, Liu, Yang, Liu: United we stand, divided we fall: fingerprinting deep
    neural networks via adversarial trajectories, 2024; settings after its code.
    Versions: 2 (what is not rare among all null models is no proof).
    """

    paper: ClassVar[str] = "Xu et al., NeurIPS 2024"
    reads: ClassVar[Output] = "labels"
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients", "nulls"})
    distance = MATCHING_RATE
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = distance.statistic
    dial: ClassVar[Dial] = Dial("n_trajectories", 2, 100, "log")
    quick = MappingProxyType({"n_trajectories": 10, "n_classes": 4})

    n_trajectories: Annotated[int, Field(ge=1)] = 20
    n_classes: Annotated[int, Field(ge=2)] = 10
    length: Annotated[int, Field(ge=2, multiple_of=2)] = 8
    step: Annotated[float, Field(gt=0)] = 0.05
    brake: Annotated[float, Field(gt=0, le=1)] = 0.95
    n_tries: Annotated[int, Field(ge=1)] = 30

    def sample(self, victim: Model, pool: Examples, seed: str, lab: Lab) -> Tensor:
        """Return the points of whole trajectories, one trajectory after the other (K, *shape).

        Raises:
            PlayerError: none goes through all its classes.
        """
        start = held_out(victim.kind, pool, self.n_trajectories, seed)
        logits = lab.logits(victim, start)  # (B, C)
        n_crossings = min(self.n_classes, logits.shape[1]) - 1
        route = routes(logits.argmax(1), logits.shape[1], n_crossings, expand(seed, "trajectories"))
        pace, device = Pace(self.length, self.step, self.brake, self.n_tries), lab.compute.device
        view = lab.frozen(victim, double=True)
        chains, whole = chained(view, start.double().to(device), route.to(device), pace)
        if not bool(whole.any()):
            raise PlayerError(
                f"expected trajectories through {n_crossings + 1} classes, none of {len(start)} "
                "arrived everywhere; raise length or n_tries, or lower n_classes"
            )
        return chains[whole].flatten(0, 1).float().cpu()

    def represent(self, suspect: Suspect, points: Tensor) -> Tensor:
        """Return the suspect's labels."""
        return labels(suspect, points)
