"""Public: how owners alter answers: how far a row of probabilities is moved, and towards what."""

from __future__ import annotations

import torch
from torch import Tensor

_MARGIN = 1e-4  # by which the answered class stays first


def moved_towards(rows: Tensor, target: Tensor, eps: float, keep_class: bool) -> Tensor:
    """Return rows (N, C) moved on a straight line towards one class each.

    As far as the L1 distance `eps` allows and, if asked for, the answered class stays first: with h
    the share of the way, 2 h (1 - y_k) <= eps and (1 - h)(y_top - y_k) >= h. Source: Orekondy,
    Schiele, Fritz, ICLR 2020 (line search between the answer and an extreme point).

    Args:
        rows: probabilities.
        target: the class k of each, (N,).
        eps: the L1 distance, from 0 to 2.
        keep_class: whether the first class stays first.

    >>> row = torch.tensor([[0.8, 0.2, 0.0]])
    >>> moved_towards(row, torch.tensor([2]), 0.4, True)
    tensor([[0.6400, 0.1600, 0.2000]])
    """
    picked = rows.gather(1, target[:, None])[:, 0]  # (N,)
    way = eps / (2 * (1 - picked)).clamp_min(1e-12)
    if keep_class:
        lead = rows.amax(1) - picked
        way = torch.minimum(way, (lead - _MARGIN).clamp_min(0) / (1 + lead))
    way = way.clamp(0, 1)[:, None]
    one = torch.zeros_like(rows).scatter(1, target[:, None], 1.0)
    return (1 - way) * rows + way * one


def least_informative(rows: Tensor, eps: float) -> Tensor:
    """Return rows (N, C) with probability taken from the first class and given to the last.

    It solves min sum_j y'_j ln y_j on the simplex within the L1 distance `eps`, as long as that
    leaves the first class first; where it does not, as much is moved as does. Source: Tang et al.,
    USENIX Security 2024 (the linear programme).

    >>> least_informative(torch.tensor([[0.8, 0.2, 0.0]]), 0.4)
    tensor([[0.6000, 0.2000, 0.2000]])
    """
    first, last = rows.argmax(1, keepdim=True), rows.argmin(1, keepdim=True)
    lead = rows.gather(1, first) - rows.gather(1, last)
    second = rows.topk(2, dim=1).values[:, 1:]
    room = torch.minimum((lead - _MARGIN) / 2, rows.gather(1, first) - second - _MARGIN)
    share = room.clamp(0, eps / 2)
    return rows.scatter_add(1, first, -share).scatter_add(1, last, share)


def widest_angle(rows: Tensor, proxy: Tensor) -> Tensor:
    """Return the class (N,) whose one-hot row turns a learner's gradient the furthest.

    The gradient of the cross-entropy with targets y in the last layer of a learner that answers p
    to features h is (p - y) h^T, so the angle between two such gradients is that between (y - p)
    and (y' - p). Source: Orekondy, Schiele, Fritz, ICLR 2020 (maximising angular deviation).

    Args:
        rows: what would be answered, y (N, C).
        proxy: what a learner answers, p (N, C).

    >>> widest_angle(torch.tensor([[0.9, 0.1, 0.0]]), torch.full((1, 3), 1 / 3))
    tensor([2])
    """
    now = torch.nn.functional.normalize(rows - proxy, dim=1)  # (N, C)
    then = torch.eye(rows.shape[1]) - proxy[:, None]  # (N, C, C): row k is e_k - p
    cosine = (torch.nn.functional.normalize(then, dim=2) * now[:, None]).sum(2)
    return cosine.argmin(1)
