"""The maths of IPGuard: points behind a decision boundary, and rates over all thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from arena.world.training import Free, Meter
from defenders.fingerprints.scheme import boundary_loss


@dataclass(frozen=True)
class Search:
    """How points are moved behind the boundary.

    Attributes:
        margin: how far behind it, in units of the logits.
        lr: of Adam.
        n_steps: the most steps.
        clip: keep points in [0, 1].
    """

    margin: float
    lr: float
    n_steps: int
    clip: bool


def boundary_points(
    view: nn.Module, start: Tensor, target: Tensor, how: Search, meter: Meter | None = None
) -> tuple[Tensor, Tensor]:
    """Return points moved to the boundary, (B, *shape), and which of them arrived, (B,).

    Adam on all points at once; a point that has arrived stays where it is.

    Args:
        view: the model as a toolbox may call it (`Lab.frozen`).
        start: floats in [0, 1], (B, *shape), on the model's device.
        target: the class to arrive in, (B,).
        how: the search.
        meter: charged for each step of Adam.
    """
    meter = meter or Free()
    points = start.clone().requires_grad_(True)
    source = view(start).argmax(1)
    optimiser = torch.optim.Adam([points], lr=how.lr)
    arrived = torch.zeros(len(start), dtype=torch.bool, device=start.device)
    kept = start.clone()
    for _ in range(how.n_steps + 1):
        loss = boundary_loss(view(points), source, target, how.margin)
        here = (loss.detach() == 0) & ~arrived
        kept[here] = points.detach()[here]
        arrived |= here
        if bool(arrived.all()):
            break
        (points.grad,) = torch.autograd.grad(loss.sum(), points)
        meter.charge({"steps": 1})
        optimiser.step()
        if how.clip:
            points.data.clamp_(0, 1)
    return kept, arrived


def aruc(copies: Sequence[float], innocents: Sequence[float]) -> float:
    """Return the area under min(TPR(t), TNR(t)) over the thresholds t in [0, 1] of a rate.

    Args:
        copies: matching rates of models derived from the victim; called copies at t <= rate.
        innocents: matching rates of others.

    >>> round(aruc([0.9, 0.8], [0.1, 0.2]), 4)
    0.7
    """
    rates = np.sort(np.concatenate([np.asarray(copies), np.asarray(innocents)]))
    edges = np.concatenate([[0.0], rates, [1.0]])
    middles = (edges[:-1] + edges[1:]) / 2  # between two rates nothing changes
    robust = (np.asarray(copies)[:, None] >= middles).mean(0)
    unique = (np.asarray(innocents)[:, None] < middles).mean(0)
    return float((np.minimum(robust, unique) * np.diff(edges)).sum())


def halfway(copies: Sequence[float], innocents: Sequence[float]) -> float:
    """Return the threshold in the middle between the lowest copy and the highest innocent."""
    return (min(copies) + max(innocents)) / 2
