"""CKA between the features of two models (REEF): a fingerprint that reads weights."""

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
from defenders.fingerprints.parts.distances import CKA
from defenders.fingerprints.parts.representations import features
from defenders.fingerprints.parts.samplers import held_out


@defense("reef")
@dataclass(frozen=True, kw_only=True)
class Reef(Fingerprint):
    """Recognises a model by the geometry of its features: linear CKA (REEF).

    What: the last hidden activations of the victim and of the suspect on the same held-out images
    or texts are compared by linear centred kernel alignment, which rotations, permutations, changes
    of sign and a common scale do not touch.
    Threat model: verification reads the suspect's weights and asks for answers to held-out
    examples; the points are such examples, drawn by a committed seed. The model is not changed.
    Parameters: n_points.
    Cost: forward passes over n_points examples, to protect and to verify.
    Differences to the paper: the last hidden activation takes the place of a chosen layer's; of a
    text, it is that of all its tokens; the paper calls a model a copy where CKA is near 1, but that
    of independent models of one task is high as well, so the p-value comes from such as are as
    useful as the suspect.
    Reference: Zhang et al.: REEF: Representation encoding fingerprints for large language models,
    2025; Kornblith et al.: Similarity of neural network representations revisited, 2019.
    Versions: 2 (what is not rare among all null models is no proof).
    """

    paper: ClassVar[str] = "Zhang et al., ICLR 2025"
    task_needs: ClassVar[frozenset[str]] = frozenset({"hidden", "nulls"})
    reads: ClassVar[Output] = "weights"
    distance = CKA
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = distance.statistic
    dial: ClassVar[Dial] = Dial("n_points", 20, 400, "log")

    n_points: int = 150

    def sample(self, victim: Model, pool: Examples, seed: str, lab: Lab) -> Tensor:
        """Return held-out images, or texts (K, *shape)."""
        return held_out(victim.kind, pool, self.n_points, seed)

    def represent(self, suspect: Suspect, points: Tensor) -> Tensor:
        """Return the suspect's last hidden activations."""
        return features(suspect, points)
