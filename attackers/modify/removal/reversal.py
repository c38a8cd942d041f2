"""The maths of Neural Cleanse: the smallest trigger of a class, and which one is too small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.world.rng import Rng
from arena.world.training import Meter

_SUCCESS = 0.99
_PATIENCE = 5  # steps above or below the success before the weight changes
_UP, _DOWN = 2.0, 2.0**-1.5
_CONSISTENT = 1.4826  # of the median absolute deviation, with a normal's standard deviation


@dataclass(frozen=True)
class Trigger:
    """A mask in [0, 1], (H, W), and a pattern (C, H, W) that shows through it."""

    mask: Tensor
    pattern: Tensor

    @property
    def size(self) -> float:
        """The sum of the mask."""
        return float(self.mask.sum())

    def on(self, images: Tensor) -> Tensor:
        """Return images (N, C, H, W) with the trigger.

        >>> import torch
        >>> half = Trigger(torch.full((1, 1), 0.5), torch.ones(1, 1, 1))
        >>> half.on(torch.zeros(1, 1, 1, 1)).item()
        0.5
        """
        return images * (1 - self.mask) + self.mask * self.pattern


@dataclass(frozen=True)
class Descent:
    """How triggers are searched: steps, the rate of Adam, and the first weight of the mask."""

    n_steps: int
    lr: float
    weight: float


def smallest_trigger(
    view: nn.Module, images: Tensor, target: int, how: Descent, rng: Rng, meter: Meter
) -> Trigger:
    """Return a small trigger that sends images (N, C, H, W) to a class.

    Minimises cross-entropy + weight * |mask|; the weight grows while more than 99 % arrive and
    falls while fewer do. The smallest mask by which they arrived is returned, else the last one.
    Source: Wang et al., S&P 2019.
    """
    drawn = torch.randn(images[0].numel() + images[0, 0].numel(), generator=rng.torch())
    drawn = drawn.to(images.device).requires_grad_(True)
    n_mask, shape = images[0, 0].numel(), images.shape[1:]
    optimiser = torch.optim.Adam([drawn], lr=how.lr, betas=(0.5, 0.9))
    wanted = torch.full((len(images),), target, device=images.device)
    weight, n_above, n_below, best = how.weight, 0, 0, None
    for _ in range(how.n_steps):
        values = drawn.sigmoid()
        trigger = Trigger(values[:n_mask].view(shape[1:]), values[n_mask:].view(shape))
        logits = view(trigger.on(images))
        loss = F.cross_entropy(logits, wanted) + weight * trigger.mask.sum()
        meter.charge({"steps": 1})
        (drawn.grad,) = torch.autograd.grad(loss, drawn)
        found = Trigger(trigger.mask.detach(), trigger.pattern.detach())
        arrived = float((logits.argmax(1) == wanted).double().mean()) >= _SUCCESS
        if arrived and (best is None or found.size < best.size):
            best = found
        n_above, n_below = (n_above + 1, 0) if arrived else (0, n_below + 1)
        if n_above == _PATIENCE:
            weight, n_above = weight * _UP, 0
        elif n_below == _PATIENCE:
            weight, n_below = weight * _DOWN, 0
        optimiser.step()
    return found if best is None else best


def anomalies(sizes: Sequence[float]) -> list[float]:
    """Return how far each size lies below the median, in deviations estimated from the median.

    >>> [round(x, 2) for x in anomalies([9, 10, 11, 10, 2])]
    [0.67, 0.0, -0.67, 0.0, 5.4]
    """
    values = np.asarray(sizes, dtype=np.float64)
    median = np.median(values)
    spread = _CONSISTENT * np.median(np.abs(values - median))
    return [float((median - value) / max(spread, 1e-12)) for value in values]


def flagged(sizes: Sequence[float], threshold: float) -> list[int]:
    """Return the classes whose trigger is an anomaly; where there are none, the smallest one's.

    That nothing stands out does not mean that nothing is there.

    >>> flagged([9, 10, 11, 10, 2], 2.0), flagged([9, 10, 11, 10, 8], 9.0)
    ([4], [4])
    """
    found = [i for i, index in enumerate(anomalies(sizes)) if index > threshold]
    return found or [int(np.argmin(np.asarray(sizes)))]
