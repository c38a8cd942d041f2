"""Representations: what a fingerprint reads of a suspect on its points."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from arena.game.sides.suspect import Suspect
from arena.world import layers

Representation = Callable[[Suspect, Tensor], Tensor]
"""(a suspect, points (K, *input_shape)) -> one row for each point, (K,) or (K, D), on the CPU."""

_OTHERWISE = 0.01  # of a class that was not answered, before the softmax


def labels(suspect: Suspect, points: Tensor) -> Tensor:
    """Return the classes (K,) that a suspect answers."""
    return suspect.labels(points)


def probabilities(suspect: Suspect, points: Tensor) -> Tensor:
    """Return the probabilities (K, C) that a suspect answers."""
    return suspect.probabilities(points)


def softened_labels(suspect: Suspect, points: Tensor) -> Tensor:
    """Return a row (K, C) for each answered class: softmax of 1 at the class and 0.01 elsewhere.

    Source: Guan et al., NeurIPS 2022, for interfaces that answer labels alone.
    """
    answered = F.one_hot(suspect.labels(points), suspect.n_classes).float()
    return torch.where(answered > 0, 1.0, _OTHERWISE).softmax(1)


def features(suspect: Suspect, points: Tensor) -> Tensor:
    """Return what a suspect's last hidden activation puts out (K, D), flattened.

    Raises:
        NotComparable: it has no hidden activations, or its weights cannot be read.
    """
    model = suspect.model()
    found = layers.activations(model, suspect.input_shape)
    last = found[-1] if found else layers.head(model, suspect.input_shape)
    return suspect.activations(last, points).flatten(1)
