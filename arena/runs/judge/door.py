"""A check at the door: does a person's model answer the person's own data better than chance?

A model that is fed otherwise than it was trained answers at chance, and so does its copy: then
everything agrees, and a judgement is worth nothing. What would help is looked for and said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import binom
from torch import Tensor

from arena.errors import ModelError
from arena.world.compute import Compute
from arena.world.data import Dataset
from arena.world.kinds.classifier import Normalise, statistics
from arena.world.models import Model
from arena.world.task import Task

_LEAST = 0.1  # share of the way from chance to 1 that a model must have gone
_CONVINCES = 0.5  # the same share, of a cause that is named alone
_LEVEL = 1e-3  # of the test that it knows nothing
_MOST_IMAGES = 1024  # that causes are looked for on
_USUAL = (
    ((0.5,), (0.5,)),
    ((0.0,), (1.0,)),
    ((0.0,), (1 / 255,)),  # trained on values from 0 to 255
    ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),  # ImageNet's, of torchvision's weights
    ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),  # CIFAR-100's
    ((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)),  # CIFAR-10's
    ((0.1307,), (0.3081,)),  # MNIST's
)


class Cause(NamedTuple):
    """A likely cause: the accuracy without it, what it is, and how to set it right."""

    accuracy: float
    words: str


@dataclass(frozen=True)
class Entrance:
    """What a model reached on a person's data, and what knowing nothing reaches."""

    accuracy: float
    chance: float
    n_images: int

    @property
    def lead(self) -> float:
        """How far the model has gone from chance to 1, as a share of the way."""
        return (self.accuracy - self.chance) / max(1 - self.chance, 1e-9)

    @property
    def is_near_chance(self) -> bool:
        """Whether the model does not answer these data: little above chance, or by luck."""
        n_right = round(self.accuracy * self.n_images)
        by_luck = float(binom.sf(n_right - 1, self.n_images, self.chance))
        return self.lead < _LEAST or by_luck > _LEVEL


def check_knows(model: Model, task: Task, option: str = "--architecture") -> float:
    """Return a classifier's accuracy on the test split, and refuse one that is near chance.

    Args:
        model: the person's own model; what is no classifier passes, with 1.
        task: of the data that it was trained on.
        option: of the command line, which sets normalisation.

    Raises:
        ModelError: it answers at chance; names the likely causes, and those that were found.
    """
    if not isinstance(model.normalise, Normalise):
        return 1.0
    data, compute = task.splits.test, task.compute
    found = entrance(model, data, compute)
    if not found.is_near_chance:
        return found.accuracy
    raise ModelError(
        f"expected a model that answers {task.spec.data}, found one of accuracy "
        f"{found.accuracy:.3f}, where chance is {found.chance:.3f}, so nothing could be learnt "
        f"from it; {_advice(model, data, compute, option)}"
    )


def entrance(model: Model, data: Dataset, compute: Compute) -> Entrance:
    """Return what a classifier reaches on data with labels; chance is the most frequent class."""
    counts = torch.bincount(data.labels, minlength=1)
    accuracy = compute.accuracy(model, data.images, data.labels)
    return Entrance(accuracy, float(counts.max()) / len(data), len(data))


def _advice(model: Model, data: Dataset, compute: Compute, option: str) -> str:
    few = data.select(torch.arange(min(len(data), _MOST_IMAGES)))
    best = max(_causes(model, few, compute, option), key=lambda cause: cause.accuracy)
    if Entrance(best.accuracy, 1 / data.n_classes, len(few)).lead >= _CONVINCES:
        return f"likely {best.words} (so it reaches {best.accuracy:.3f})"
    return (
        "likely causes are another normalisation than its training's "
        f"({option} '..., mean = [...], std = [...]'), another input range (std = 0.00392 for 0 to "
        "255), another order of the classes (folders are sorted by name) or of the colour "
        "channels, or weights that were never trained"
    )


def _causes(model: Model, data: Dataset, compute: Compute, option: str) -> Iterator[Cause]:
    """Yield what is tried, each with the accuracy that it gives."""
    n_channels = model.card.input_shape[0]
    images, labels = data.images, data.labels
    for mean, std in [statistics(data), *_USUAL]:
        if len(mean) in (1, n_channels):
            told = f"mean = {_listed(mean)}, std = {_listed(std)}"
            yield Cause(
                compute.accuracy(_fed(model, mean, std), images, labels),
                f"its normalisation is another one; set {option} '..., {told}'",
            )
    if len(model.card.input_shape) == 3 and n_channels == 3:
        yield Cause(
            compute.accuracy(model, images.flip(1), labels),
            "its colour channels are in the order blue, green, red; convert its first layer, or "
            "the images",
        )
    yield Cause(
        _in_another_order(compute.labels(model, images), labels, model.card.n_classes),
        "its classes are in another order than the data's, whose folders are sorted by name; "
        "rename the folders so that they sort as it was trained",
    )


def _fed(model: Model, mean: tuple[float, ...], std: tuple[float, ...]) -> Model:
    """Return a copy of a classifier that normalises otherwise."""
    other = model.copy()
    other.normalise = Normalise(model.card.model_copy(update={"mean": mean, "std": std}))
    return other


def _in_another_order(answers: Tensor, labels: Tensor, n_classes: int) -> float:
    """Return the accuracy with the classes named anew in the way that suits the answers best.

    On random answers this is above chance by the choice among all orders; half of the data name
    the classes, the other half are counted.
    """
    counts = np.zeros((n_classes, n_classes))
    np.add.at(counts, (answers[::2].numpy(), labels[::2].numpy()), 1)
    rows, columns = linear_sum_assignment(-counts)
    names = torch.as_tensor(columns[np.argsort(rows)])
    return float((names[answers[1::2]] == labels[1::2]).double().mean())


def _listed(values: tuple[float, ...]) -> str:
    return "[" + ", ".join(f"{value:.4g}" for value in values) + "]"
