"""Generators that are fitted without a critic: to given images, or to a cloud of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from arena.game.sides.lab import Lab
from arena.world.models import Model
from arena.world.rng import Rng

_BETAS = (0.5, 0.999)  # of Adam, as generators are trained

StepLoss = Callable[[Tensor], Tensor]
"""Images (B, C, H, W) that the model makes -> what is brought down."""

Step = Callable[[torch.Generator], tuple[Tensor, StepLoss]]
"""Draws -> the latents (B, L) of a step, and the loss of what becomes of them."""


@dataclass(frozen=True)
class Fitting:
    """How a generator is fitted: Adam's rate, optimiser steps, latents in a step."""

    lr: float
    n_steps: int
    batch: int


def fit(lab: Lab, model: Model, step: Step, how: Fitting, rng: Rng) -> None:
    """Fit a model in place, every step on the meter, and leave it in eval mode.

    Args:
        lab: where.
        model: an own model.
        step: what a step is about.
        how: rate, steps, batch.
        rng: of the draws.

    Raises:
        BudgetExceeded: the meter refuses a step; the model stays as the last step left it.
    """
    lab.compute.place(model)
    adam = torch.optim.Adam(model.parameters(), lr=how.lr, betas=_BETAS)
    draws = rng.torch(lab.compute.device)
    model.train()
    try:
        for _ in range(how.n_steps):
            seen = {"images_forward": how.batch, "images_backward": how.batch}
            lab.meter.charge({"steps": 1, **seen})
            latents, loss_of = step(draws)
            loss = loss_of(model(latents))
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
    finally:
        model.eval()


def sliced_distance(images: Tensor, others: Tensor, directions: Tensor) -> Tensor:
    """Return the squared sliced 2-Wasserstein distance between two clouds of as many images.

    The mean over directions (D, P), of unit columns, of the mean squared difference of the sorted
    projections. Source: Deshpande, Zhang, Schwing, CVPR 2018, eq. 4.

    Args:
        images: (B, C, H, W).
        others: (B, C, H, W).
        directions: (C * H * W, P).
    """
    mine, theirs = ((x.flatten(1) @ directions).sort(0).values for x in (images, others))
    return (mine - theirs).square().mean()
