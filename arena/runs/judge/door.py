"""The check at the door: a victim that does not know its own data is not judged with.

Tests that are grown from such a model show what its card, its data or its classes have wrong, and
whoever made the same mistake looks like a copy.
"""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from arena.errors import ModelError
from arena.world.models import Model
from arena.world.task import Task

_MARGIN = 0.1  # of the way from chance to 1: below, a victim knows nothing of the data
_FITS = 0.5  # accuracy in another order of classes that tells the order is at fault


def check_knows(victim: Model, task: Task) -> None:
    """Refuse a victim that answers its owner's held-out data like chance.

    Raises:
        ModelError: with the likeliest cause.
    """
    test = task.splits.test
    answers = task.compute.labels(victim, test.images)
    accuracy = float((answers == test.labels).double().mean())
    chance = task.exam().floor
    if accuracy > chance + _MARGIN * (1 - chance):
        return
    found = f"found accuracy {accuracy:.2f} where chance is {chance:.2f}"
    reordered = accuracy_in_any_order(answers, test.labels, task.card.n_classes)
    if reordered >= _FITS:
        why = (
            f"its answers fit the classes in another order (accuracy {reordered:.2f}): name or "
            "sort the classes as they were when it was trained"
        )
    else:
        why = (
            "check the normalisation in its card (mean and std of inputs in [0, 1]), the order of "
            "classes and of channels, and the range of the inputs that it was trained with"
        )
    raise ModelError(f"expected a victim that knows {task.spec.data}, {found}; {why}")


def accuracy_in_any_order(answers: Tensor, labels: Tensor, n_classes: int) -> float:
    """Return the accuracy in [0, 1] under the order of classes that fits the answers best.

    Args:
        answers: classes, (N,).
        labels: the true classes, (N,).
        n_classes: of both.

    >>> accuracy_in_any_order(torch.tensor([1, 2, 0, 0]), torch.tensor([0, 1, 2, 0]), 3)
    0.75
    """
    cells = labels.cpu() * n_classes + answers.cpu()
    counts = torch.bincount(cells, minlength=n_classes**2).view(n_classes, n_classes).numpy()
    rows, columns = linear_sum_assignment(counts, maximize=True)
    return float(counts[rows, columns].sum() / max(len(labels), 1))
