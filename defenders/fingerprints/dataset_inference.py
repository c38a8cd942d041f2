"""Dataset inference: who trained on the owner's data is sure of it, and less so of other images."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

from torch import Tensor

from arena.game.rules.keys import expand
from arena.game.sides.defense import defense
from arena.game.sides.player import Dial
from arena.game.sides.suspect import Suspect
from arena.world.kinds.interface import Output
from arena.world.training import Examples
from defenders.fingerprints.parts.inference import Inference
from defenders.fingerprints.parts.margins import (
    Descent,
    blind_walk,
    nearest_by_gradients,
    noise_directions,
)

_N_DIRECTIONS = 10


@defense("dataset-inference")
@dataclass(frozen=True, kw_only=True)
class DatasetInference(Inference):
    """Accuses whoever trained on the owner's data, by margins: random walks (Blind Walk).

    What: from each point random directions are walked until the class flips; 30 lengths (ten
    directions in each of three norms) are a point's row. A small network learns on the owner's
    model to tell rows of its data from rows of held-out images; what is judged is how much
    stranger other held-out points seem to be to a suspect than other points of the data.
    Threat model: verification asks for labels; secret are the points and the directions. The model
    is not changed. What is accused is the use of data: a model of the same data with another seed
    is guilty, and innocents are models that saw neither kind of point.
    Parameters: n_points (of each kind, at most; half of them teach); labels (what must flip: the
    "true" class, from which an image that is answered wrongly has no way to go, or the suspect's
    "own"); stride (of the paper's steps: noise of 0.005 in pixel values of [0, 1]); n_steps.
    Cost: 30 n_steps queries for each of the n_points that judge, at most.
    Differences to the paper: walks end after 50 multiples (51); one row for each image, in place of
    rows that mix thirty; one Welch test over all points, in place of the harmonic mean of a
    hundred, which is no p-value; beside it the null of six or more models of other data, and the
    larger p counts.
    Reference: Maini, Yaghini, Papernot: Dataset inference: ownership resolution in machine
    learning, 2021; false accusations: Szyller et al.: On the robustness of dataset inference, 2023.
    Versions: 2 (what is not rare among all null models is no proof).
    """

    reads: ClassVar[Output] = "labels"
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes"})
    dial: ClassVar[Dial] = Dial("n_points", 20, 2000, "log")
    quick = MappingProxyType({"n_points": 150, "stride": 8.0, "n_steps": 8})

    labels: Literal["true", "own"] = "true"
    n_steps: int = 50

    @property
    def n_asked(self) -> int:
        """Forward passes of a suspect for each point, at most."""
        return 3 * _N_DIRECTIONS * self.n_steps

    def embed(self, suspect: Suspect, points: Examples, stream: str) -> Tensor:
        """Return the lengths of walks (N, 10, 3)."""
        shape = tuple(points.images.shape)
        directions = noise_directions(
            shape, _N_DIRECTIONS, self.stride, expand(stream, "directions")
        )
        start = points.targets if self.labels == "true" else suspect.labels(points.images)
        return blind_walk(suspect.labels, points.images, start, directions, self.n_steps)


@defense("dataset-inference-mingd")
@dataclass(frozen=True, kw_only=True)
class GradientInference(Inference):
    """Dataset inference with weights: margins by gradient descent (MinGD).

    What: as `dataset-inference`, with the distance to each of ten classes in three norms, found
    by gradient descent, in place of random walks. No true class is asked for.
    Threat model: verification reads the suspect's weights.
    Parameters: n_points (of each kind, at most; half of them teach); stride (of the paper's steps:
    0.001, 0.01 and 0.01 a pixel); n_steps; n_pixels (of an L1 step).
    Cost: 30 n_steps forward and backward passes for each of the n_points that judge, at most.
    Differences to the paper: as for `dataset-inference`; of many classes the ten most likely ones,
    which the paper does for a hundred.
    Reference: Maini, Yaghini, Papernot: Dataset inference: ownership resolution in machine
    learning, 2021.
    Versions: 2 (what is not rare among all null models is no proof).
    """

    reads: ClassVar[Output] = "weights"
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients"})
    dial: ClassVar[Dial] = Dial("n_points", 20, 2000, "log")
    quick = MappingProxyType({"n_points": 80, "stride": 20.0, "n_steps": 12})

    n_steps: int = 500
    n_pixels: int = 100

    @property
    def n_asked(self) -> int:
        """Forward passes of a suspect for each point, at most."""
        return 3 * _N_DIRECTIONS * self.n_steps

    def embed(self, suspect: Suspect, points: Examples, stream: str) -> Tensor:
        """Return distances to the most likely classes (N, 10, 3), or to all if fewer."""
        model, compute = suspect.model(), suspect.compute
        logits = compute.logits(model, points.images)
        targets = logits.topk(min(_N_DIRECTIONS, logits.shape[1]), dim=1).indices
        images = compute.images(points.images)
        how = Descent(self.stride, self.n_steps, self.n_pixels)
        return nearest_by_gradients(compute.frozen(model), images, targets, how)
