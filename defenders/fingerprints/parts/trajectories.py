"""Trajectories: chains of points that walk from class to class across a model's boundaries."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.world.rng import Rng

_GROWTH = 1.25  # of steps that were too short: longer ones leave [0, 1], so pixels stay


@dataclass(frozen=True)
class Pace:
    """How a chain walks from one class into the next.

    Attributes:
        length: steps of a crossing, an even number: half of them to the first point of the class
            that is walked to, half of them beyond it.
        step: of pixel values in [0, 1], the first step that is tried.
        brake: what each step towards the boundary is as a share of the step before; behind the
            boundary steps grow as they shrank. At 1 all steps of a crossing are equal.
        n_tries: how often steps are made longer or shorter until they fit.
    """

    length: int
    step: float
    brake: float
    n_tries: int

    def steps(self, first: Tensor) -> Tensor:
        """Return the steps to the boundary (B, length / 2) of which these are the first ones (B,).

        >>> Pace(length=6, step=0.1, brake=0.5, n_tries=1).steps(torch.tensor([0.5])).tolist()
        [[0.5, 0.25, 0.125]]
        """
        return first[:, None] * self.brake ** torch.arange(self.length // 2, device=first.device)


def routes(first: Tensor, n_classes: int, n_crossings: int, rng: Rng) -> Tensor:
    """Return the classes that chains walk to in turn, all different (B, n_crossings).

    Args:
        first: the class that each chain begins in, (B,).
        n_classes: C, of the model.
        n_crossings: at most C - 1.
        rng: draws them.
    """
    draw = rng.numpy()
    orders = torch.stack([torch.from_numpy(draw.permutation(n_classes)) for _ in first])  # (B, C)
    others = orders[orders != first[:, None]].view(len(first), n_classes - 1)
    return others[:, :n_crossings]


def stepped(points: Tensor, gradient: Tensor, step: Tensor) -> Tensor:
    """Return points (B, *shape) one step (B,) down the sign of their gradient.

    A pixel that would leave [0, 1] stays, so each moves by the whole step or not at all.
    """
    size = step.view(-1, *[1] * (points.dim() - 1))
    moved = points - size * gradient.sign()
    return torch.where((moved < 0) | (moved > 1), points, moved)


def walk(view: nn.Module, start: Tensor, target: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    """Return the points (B, S, *shape) of a walk towards a class, and the model's class of each.

    Each step is down the sign of the gradient of the cross-entropy of that class.

    Args:
        view: the model as a toolbox may call it (`Lab.frozen`).
        start: floats in [0, 1], (B, *shape), on the model's device; not a point of the walk.
        target: the class, (B,).
        steps: of pixel values, (B, S).
    """
    points, found = start, []
    for step in steps.unbind(1):
        here = points.detach().requires_grad_(True)
        loss = F.cross_entropy(view(here), target, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, here)
        points = stepped(points, gradient, step)
        found.append(points)
    walked = torch.stack(found, 1)  # (B, S, *shape)
    with torch.no_grad():
        classes = view(walked.flatten(0, 1)).argmax(1).view(len(start), -1)  # (B, S)
    return walked, classes


def fitted(view: nn.Module, start: Tensor, target: Tensor, pace: Pace) -> tuple[Tensor, Tensor]:
    """Return the first step of walks to the boundary (B,), and which of them fit, (B,).

    A walk fits if its last point is the first one in the class. One that is there too early is
    tried again with shorter steps, one that is not there in the end with longer ones: a quarter
    longer until one was too long, then half-way between. Arguments as for `walk`.
    """
    first = torch.full((len(start),), pace.step, dtype=start.dtype, device=start.device)
    low, high = torch.zeros_like(first), torch.full_like(first, torch.inf)
    fits = torch.zeros(len(start), dtype=torch.bool, device=start.device)
    for _ in range(pace.n_tries):
        left = (~fits).nonzero()[:, 0]
        if not len(left):
            break
        _, classes = walk(view, start[left], target[left], pace.steps(first[left]))
        there = classes == target[left, None]  # (L, S)
        early = there[:, :-1].any(1)
        fits[left] = there[:, -1] & ~early
        high[left] = torch.where(early, first[left], high[left])
        low[left] = torch.where(early, low[left], first[left])
        tried = torch.where(high.isinf(), _GROWTH * first, (low + high) / 2)
        first = torch.where(fits, first, tried)
    return first, fits


def chained(view: nn.Module, start: Tensor, route: Tensor, pace: Pace) -> tuple[Tensor, Tensor]:
    """Return chains of points (B, 1 + T * length, *shape), and which of them are whole, (B,).

    The last point of a crossing is where the next one begins. A chain is whole if each crossing
    enters its class half-way, not before, and ends in it.
    Source: Xu et al., NeurIPS 2024 (bilateral trajectories, joined to a surface trajectory).

    Args:
        view: the model as a toolbox may call it (`Lab.frozen`).
        start: floats in [0, 1], (B, *shape), on the model's device.
        route: the classes to walk to, (B, T).
        pace: of each crossing.
    """
    here, whole = start, torch.ones(len(start), dtype=torch.bool, device=start.device)
    parts = [start[:, None]]
    for target in route.unbind(1):
        first, fits = fitted(view, here, target, pace)
        there = pace.steps(first)
        walked, classes = walk(view, here, target, torch.cat([there, there.flip(1)], 1))
        whole = whole & fits & (classes[:, -1] == target)
        parts.append(walked)
        here = walked[:, -1]
    return torch.cat(parts, 1), whole
