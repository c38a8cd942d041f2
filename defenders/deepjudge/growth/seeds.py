"""Seeds: the images that test cases are grown from."""

from __future__ import annotations

from torch import Tensor

from arena.errors import PlayerError


def certainty(probabilities: Tensor) -> Tensor:
    """Return how certain a model is, (T,), of its answers (T, C): sum of squares, in [1/C, 1].

    Source: Chen et al., S&P 2022; 1 minus the Gini impurity.

    >>> import torch
    >>> certainty(torch.tensor([[1.0, 0.0], [0.5, 0.5]])).tolist()
    [1.0, 0.5]
    """
    return probabilities.square().sum(1)


def most_certain(probabilities: Tensor, labels: Tensor, n_seeds: int) -> Tensor:
    """Return the indices (at most `n_seeds`) of the most certain of the correct answers.

    Args:
        probabilities: the victim's answers, (T, C).
        labels: the true classes, (T,).
        n_seeds: how many are wanted; fewer come back if fewer are answered correctly.

    Raises:
        PlayerError: no answer is correct.
    """
    correct = (probabilities.argmax(1) == labels).nonzero().flatten()
    if not len(correct):
        raise PlayerError(
            "expected a victim that is right on some held-out images, found none; train it longer"
        )
    order = certainty(probabilities[correct]).argsort(descending=True, stable=True)
    return correct[order[:n_seeds]]
