"""SAC: how a model's answers to many images are alike, pair by pair."""

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
from defenders.fingerprints.parts.distances import CORRELATION_GAP
from defenders.fingerprints.parts.representations import probabilities, softened_labels
from defenders.fingerprints.parts.samplers import misclassified, mixtures


@defense("sac")
@dataclass(frozen=True, kw_only=True)
class SAC(Fingerprint):
    """Recognises a model by which of its answers are alike (sample correlation).

    What: (1 - cosine) / 2 between the answers to every pair of points makes a matrix; the statistic
    is the mean absolute difference between the victim's and the suspect's. It does not change when
    classes change places.
    Threat model: verification asks for probabilities of the points and labels of held-out images;
    the points are secret, drawn by a committed seed. The model is not changed.
    Parameters: n_points; samples ("mixed": held-out images with a box of another one, SAC-m;
    "wrong": images that the victim gets wrong, SAC-w).
    Cost: n_points queries to verify; none beside forward passes to protect.
    Differences to the paper: the p-value comes from independent models as useful as the suspect; so
    a suspect must answer the victim's classes, though the statistic would read others.
    Reference: Guan, Liang, He: Are you stealing my model? Sample correlation for fingerprinting
    deep neural networks, 2022.
    Versions: 2 (what is not rare among all null models is no proof).
    """

    paper: ClassVar[str] = "Guan et al., NeurIPS 2022"
    reads: ClassVar[Output] = "probabilities"
    distance = CORRELATION_GAP
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = distance.statistic
    dial: ClassVar[Dial] = Dial("n_points", 20, 400, "log")

    n_points: int = 200
    samples: Literal["mixed", "wrong"] = "mixed"

    def sample(self, victim: Model, pool: Examples, seed: str, lab: Lab) -> Tensor:
        """Return mixed images, or such as the victim gets wrong (K, *shape)."""
        if self.samples == "wrong":
            return misclassified(victim, pool, self.n_points, seed, lab)
        return mixtures(pool, self.n_points, seed)

    def represent(self, suspect: Suspect, points: Tensor) -> Tensor:
        """Return the suspect's probabilities."""
        return probabilities(suspect, points)


@defense("sac-labels")
@dataclass(frozen=True, kw_only=True)
class LabelSAC(SAC):
    """SAC of an interface that answers labels alone.

    What: each label stands for a row, softmax of 1 at the label and 0.01 elsewhere.
    Threat model: as for SAC, with labels in place of probabilities.
    """

    reads: ClassVar[Output] = "labels"

    samples: Literal["mixed", "wrong"] = "wrong"

    def represent(self, suspect: Suspect, points: Tensor) -> Tensor:
        """Return a row for each of the suspect's labels."""
        return softened_labels(suspect, points)
