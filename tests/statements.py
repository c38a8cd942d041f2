"""Statements about trained models that hold on any machine: bounds with what chance may add.

Other seeds, other processors and other numbers of threads train other models, so a promise about a
mean ("costs at most a point") cannot be asked of one sample to the last digit. What is asked is
that the sample does not contradict it: where the promise is kept, the bound is passed by chance
with a probability below 1e-4.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

Z = 3.72
"""The normal's one-sided quantile for a probability of 1e-4."""


def loss_bound(promised: float, before: Tensor, after: Tensor) -> float:
    """Return the largest loss of accuracy that does not contradict a promise.

    Args:
        promised: the loss of accuracy that is allowed on average, in [0, 1].
        before, after: whether each example was classified rightly, (N,), by both models.

    The two are compared example by example (McNemar's test): only those that changed count.
    """
    changed = float((before != after).double().mean())
    return promised + Z * math.sqrt(max(changed, 1 / len(before)) / len(before))


def loss(before: Tensor, after: Tensor) -> float:
    """Return the loss of accuracy between two models' right answers, (N,) each."""
    return float((before.double() - after.double()).mean())


def right(predicted: Tensor, labels: Tensor) -> Tensor:
    """Return which of N predictions are right."""
    return torch.eq(predicted.cpu(), labels.cpu())
