"""The maths of dataset inference: how far points are from the boundary, and who was learnt by that.

An embedding holds, for each point, distances in three norms: (N, J, 3), in the order Linf, L2, L1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from arena.world.rng import Rng

_EDGE = 1e-3  # a pixel that is nearer to 0 or 1 than this moves no further there
_HIDDEN = 100
_LR, _N_STEPS = 0.1, 1000


def lengths(moves: Tensor) -> Tensor:
    """Return the Linf, L2 and L1 norm, each of its own moves (N, J, 3, *shape), as (N, J, 3).

    >>> lengths(torch.tensor([3.0, 4.0]).expand(1, 1, 3, 2)).tolist()
    [[[4.0, 5.0, 7.0]]]
    """
    first, second, third = moves.flatten(3).double().unbind(2)  # each (N, J, D)
    return torch.stack([first.abs().amax(2), second.norm(dim=2), third.abs().sum(2)], 2)


def noise_directions(shape: tuple[int, ...], n: int, stride: float, rng: Rng) -> Tensor:
    """Return `n` moves of each kind of noise for each of shape[0] points, (N, n, 3, *shape[1:]).

    Uniform within 0.005, normal of deviation 0.005, Laplacian of scale 0.01, times the stride.
    """
    draw, size = rng.numpy(), (shape[0], n, *shape[1:])
    kinds = [
        draw.uniform(-0.005, 0.005, size),
        draw.normal(0, 0.005, size),
        draw.laplace(0, 0.01, size),
    ]
    return stride * torch.stack([torch.from_numpy(kind).float() for kind in kinds], 2)


def blind_walk(
    labels: Callable[[Tensor], Tensor],
    images: Tensor,
    start: Tensor,
    directions: Tensor,
    n_steps: int,
) -> Tensor:
    """Return how far each image is walked along each direction until its label flips, (N, J, 3).

    Multiples 1, 2, ... of the direction, clipped to [0, 1]; what never flips keeps its last length.
    Source: Maini, Yaghini, Papernot, ICLR 2021 (Blind Walk).

    Args:
        labels: floats (M, *shape) -> classes (M,).
        images: floats in [0, 1], (N, *shape).
        start: the class that flips, (N,).
        directions: (N, J, 3, *shape).
        n_steps: multiples, at most.
    """
    n_each = directions.shape[1] * 3
    base, wanted = images.repeat_interleave(n_each, 0), start.repeat_interleave(n_each)
    moves, walked = directions.flatten(0, 2), torch.zeros_like(base)
    alive = torch.arange(len(base))
    for step in range(1, n_steps + 1):
        points = (base[alive] + step * moves[alive]).clamp(0, 1)
        walked[alive] = points - base[alive]
        alive = alive[labels(points) == wanted[alive]]
        if not len(alive):
            break
    return lengths(walked.view(directions.shape))


@dataclass(frozen=True)
class Descent:
    """How points move towards a class: steps of 0.001 (Linf), 0.01 (L2), 0.01 a pixel (L1).

    Attributes:
        stride: what the steps are multiplied by. n_steps: at most. n_pixels: moved in an L1 step.
    """

    stride: float
    n_steps: int
    n_pixels: int

    def moved(self, points: Tensor, gradient: Tensor, norm: Tensor) -> Tensor:
        """Return points (M, *shape) one step down their gradient in their norm (M,)."""
        flat, slope = points.flatten(1), gradient.flatten(1)
        stuck = ((flat < _EDGE) & (slope > 0)) | ((flat > 1 - _EDGE) & (slope < 0))
        open_slope = slope.masked_fill(stuck, 0.0)
        top = open_slope.abs().topk(min(self.n_pixels, flat.shape[1]), dim=1).indices
        chosen = torch.zeros_like(slope).scatter(1, top, 1.0)
        unit = slope / slope.norm(dim=1, keepdim=True).clamp_min(1e-12)
        steps = torch.stack([0.001 * slope.sign(), 0.01 * unit, 0.01 * chosen * open_slope.sign()])
        step = steps[norm, torch.arange(len(flat), device=flat.device)]
        return (flat - self.stride * step).clamp(0, 1).view(points.shape)


def nearest_by_gradients(view: nn.Module, images: Tensor, targets: Tensor, how: Descent) -> Tensor:
    """Return how far each image is moved until the model answers each target, (N, J, 3).

    Source: Maini, Yaghini, Papernot, ICLR 2021 (MinGD).

    Args:
        view: the model as a toolbox may call it (`Compute.frozen`).
        images: floats in [0, 1], (N, *shape), on the model's device.
        targets: classes to arrive in, (N, J).
        how: the steps.
    """
    n, n_targets = targets.shape
    base = images.repeat_interleave(3 * n_targets, 0)
    wanted = targets.flatten().repeat_interleave(3).to(images.device)
    norm = torch.arange(3, device=images.device).repeat(n * n_targets)
    found, alive = base.clone(), torch.arange(len(base), device=images.device)
    for _ in range(how.n_steps):
        points = found[alive].requires_grad_(True)
        logits, index = view(points), wanted[alive, None]
        away = logits.argmax(1) != wanted[alive]
        if not bool(away.any()):
            break
        others = logits.scatter(1, index, -torch.inf).amax(1)
        (gradient,) = torch.autograd.grad((others - logits.gather(1, index)[:, 0]).sum(), points)
        alive = alive[away]
        found[alive] = how.moved(points.detach()[away], gradient[away], norm[alive])
    return lengths((found - base).view(n, n_targets, 3, *images.shape[1:]).cpu())


def rows_of(embedding: Tensor, scales: Tensor) -> Tensor:
    """Return one row for each point, (N, 3 J): standardised by three scalars, sorted, flattened.

    Args:
        embedding: (N, J, 3).
        scales: mean and deviation of each norm, (2, 3).
    """
    return ((embedding - scales[0]) / scales[1]).sort(1).values.flatten(1)


def scales_of(embedding: Tensor) -> Tensor:
    """Return mean and deviation of each norm over all points and directions, (2, 3)."""
    flat = embedding.flatten(0, 1)
    return torch.stack([flat.mean(0), flat.std(0).clamp_min(1e-9)])


def learnt(rows: Tensor, is_held_out: Tensor, rng: Rng) -> dict[str, Tensor]:
    """Return the weights of a small network that answers high for held-out points.

    30 -> 100 ReLU -> 1 tanh; 1,000 full-batch steps of SGD at 0.1 down -mean((2 y - 1) output),
    with as much weight for either kind.
    Source: Maini, Yaghini, Papernot, ICLR 2021.

    Args:
        rows: (N, D).
        is_held_out: y, (N,).
        rng: of the start.
    """
    draw, width = rng.numpy(), rows.shape[1]
    shapes = {"w1": (width, _HIDDEN), "b1": (_HIDDEN,), "w2": (_HIDDEN, 1), "b2": (1,)}
    reach = {"w1": width**-0.5, "b1": width**-0.5, "w2": _HIDDEN**-0.5, "b2": _HIDDEN**-0.5}
    weights = {
        name: torch.from_numpy(draw.uniform(-reach[name], reach[name], shape)).requires_grad_()
        for name, shape in shapes.items()
    }
    signs = 2 * is_held_out.double() - 1
    share = torch.where(is_held_out, 0.5 / is_held_out.sum(), 0.5 / (~is_held_out).sum())
    optimiser = torch.optim.SGD(list(weights.values()), lr=_LR)
    for _ in range(_N_STEPS):
        optimiser.zero_grad()
        loss = -(share * signs * strangeness(rows, weights)).sum()
        loss.backward()
        optimiser.step()
    return {name: weight.detach() for name, weight in weights.items()}


def strangeness(rows: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    """Return in [-1, 1] how strange points (N, D) seem to be to the model, (N,)."""
    hidden = (rows.double() @ weights["w1"] + weights["b1"]).relu()
    return (hidden @ weights["w2"] + weights["b2"]).tanh()[:, 0]
