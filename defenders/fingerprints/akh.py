"""AKH: what the victim gets wrong, the baseline of all fingerprints by queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

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
from defenders.fingerprints.parts.samplers import misclassified


@defense("akh")
@dataclass(frozen=True, kw_only=True)
class AKH(Fingerprint):
    """Recognises a model by the mistakes that it shares: the baseline that others must beat.

    What: the points are images that the victim gets wrong; a copy repeats the very same wrong
    answers, an independent model errs elsewhere. Nothing is trained and nothing is searched.
    Threat model: verification asks for labels of the points and of held-out images; the points are
    held-out images, secret and drawn by a committed seed. The model is not changed.
    Parameters: n_points (K).
    Cost: forward passes of the victim over held-out images and their mixtures until K are wrong;
    to verify, n_points label queries.
    Differences to the paper: where held-out images are too few, mixtures with a box of another
    image serve, and no flips, which change the class of a digit; the p-value comes from independent
    models as useful as the suspect.
    Reference: Godinot, Le Merrer, Tredan, Penzo, Taiani: Queries, representation and detection:
    the next 100 model fingerprinting schemes, 2025.
    Versions: 2 (what is not rare among all null models is no proof).
    """

    paper: ClassVar[str] = "Godinot et al., AAAI 2025"
    reads: ClassVar[Output] = "labels"
    distance = MATCHING_RATE
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = distance.statistic
    dial: ClassVar[Dial] = Dial("n_points", 10, 400, "log")

    n_points: int = 100

    def sample(self, victim: Model, pool: Examples, seed: str, lab: Lab) -> Tensor:
        """Return images that the victim gets wrong (K, *shape)."""
        return misclassified(victim, pool, self.n_points, seed, lab)

    def represent(self, suspect: Suspect, points: Tensor) -> Tensor:
        """Return the suspect's labels."""
        return labels(suspect, points)
