"""Asking the victim: what the thieves that copy by queries have in common."""

from __future__ import annotations

import torch
from torch import Tensor

from arena.errors import BudgetExceeded
from arena.game.sides.access import Access
from arena.world.kinds.interface import Interface
from arena.world.rng import Rng
from arena.world.training import Examples


def ask(access: Access, images: Tensor) -> Examples:
    """Return the images that were answered with their rows (M, C): fewer where the budget ends.

    Raises:
        BudgetExceeded: not even one image can be answered.
    """
    answers = access.soft_answers(images)
    return Examples(images[: len(answers)], answers)


def ask_more(access: Access, images: Tensor) -> Examples:
    """Return what `ask` does, and nothing where the budget is spent: the thief plays on."""
    try:
        return ask(access, images)
    except BudgetExceeded:
        return Examples(images[:0], torch.zeros(0, access.n_classes))


def exact(access: Access, images: Tensor) -> Tensor:
    """Return the probabilities (M, C) in the precision in which they were answered, as float64."""
    answers = access.query(images).double()
    return answers.softmax(1) if access.grants.output == "logits" else answers


def floor_of(interface: Interface, least: float) -> float:
    """Return what stands for a probability of zero whose logarithm is taken.

    Half a unit of the last decimal of rounded answers; `least` where that is less, and where no
    probabilities were rounded: it is what the numbers themselves tell from zero.

    >>> floor_of(Interface(output="probabilities", decimals=2), 1e-7)
    0.005
    >>> floor_of(Interface(output="logits", decimals=2), 1e-7)
    1e-07
    """
    if interface.output == "logits" or interface.decimals is None:
        return least
    return max(least, 0.5 * 10.0**-interface.decimals)


def probes(access: Access, n: int, rng: Rng) -> Tensor:
    """Return n random inputs (n, *input_shape) as float64.

    Standard normal where the interface takes real numbers, else uniform in [0, 1].
    """
    shape, generator = (n, *access.card.input_shape), rng.torch()
    if access.grants.real_inputs:
        return torch.randn(shape, generator=generator, dtype=torch.float64)
    return torch.rand(shape, generator=generator, dtype=torch.float64)


def contrasts(access: Access, n: int, rng: Rng) -> Tensor:
    """Return `probes` that, in [0, 1], are almost black and white, each with its own density.

    Uniform noise is all of one grey, and the mean brightness is a direction that teaches much.
    """
    grey = probes(access, n, rng.child("grey"))
    if access.grants.real_inputs:
        return grey
    generator = rng.child("white").torch()
    density = torch.rand(n, *[1] * (grey.dim() - 1), generator=generator)
    return (grey + 9 * (torch.rand(grey.shape, generator=generator) < density)) / 10
