"""The maths of CEM: points whose label a victim's copies share and independent models do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from arena.world.rng import Rng
from arena.world.training import Meter

_LEAST = 1e-12  # of a probability whose logarithm is taken
_KEPT = 0.7  # of each ensemble at a step: points must not hang on single models


@dataclass(frozen=True)
class Jury:
    """The victim and the models that points are chosen by, each as a toolbox may call it."""

    victim: nn.Module
    surrogates: Sequence[nn.Module]
    references: Sequence[nn.Module]


@dataclass(frozen=True)
class Ascent:
    """How points are moved: Adam's rate and steps, within eps of their image and in [0, 1]."""

    eps: float
    lr: float
    n_steps: int


def conferral_terms(start: Tensor, victim: Tensor, copies: Tensor, others: Tensor) -> Tensor:
    """Return the three terms of the loss of each point, (3, B); the loss is their sum.

    H(1, max_t S_t (1 - R_t)): some class t is that of surrogates S and not of references R.
    -H(R(x), O(x')): the victim leaves the class of the image x. H(O(x'), S(x')): surrogates stay
    with the victim. Source: Lukas et al., ICLR 2021, with all weights 1, and O(x) in place of R(x).

    Args:
        start: the references' probabilities of the images, (B, C).
        victim: its logits of the points, (B, C).
        copies: probabilities of the points by each surrogate, (S, B, C).
        others: those by each reference, (R, B, C).
    """
    log_victim, surrogate = victim.log_softmax(1), copies.mean(0)
    conferred = (surrogate * (1 - others.mean(0))).amax(1)
    leaving = (start * log_victim).sum(1)
    staying = -(log_victim.exp() * surrogate.clamp_min(_LEAST).log()).sum(1)
    return torch.stack([-conferred.clamp_min(_LEAST).log(), leaving, staying])


def conferrable_points(jury: Jury, start: Tensor, how: Ascent, rng: Rng, meter: Meter) -> Tensor:
    """Return images (B, *shape) moved down the loss.

    Args:
        jury: whose answers the loss is made of.
        start: floats in [0, 1], (B, *shape), on the models' device.
        how: the moves.
        rng: which models are asked at a step.
        meter: charged for each step.
    """
    points, draw = start.clone().requires_grad_(True), rng.numpy()
    optimiser = torch.optim.Adam([points], lr=how.lr)
    answered = torch.stack([m(start).softmax(1) for m in jury.references]).mean(0).detach()
    for _ in range(how.n_steps):
        ensembles = []
        for models in (jury.surrogates, jury.references):
            kept = [
                m for m, hit in zip(models, draw.random(len(models)), strict=True) if hit < _KEPT
            ]
            ensembles.append(torch.stack([m(points).softmax(1) for m in kept or models]))
        terms = conferral_terms(answered, jury.victim(points), *ensembles)
        (points.grad,) = torch.autograd.grad(terms.sum(), points)
        meter.charge({"steps": 1})
        optimiser.step()
        with torch.no_grad():
            points.copy_(torch.clamp(points, start - how.eps, start + how.eps).clamp(0, 1))
    return points.detach()


def conferrability(labels: Tensor, copies: Tensor, others: Tensor) -> Tensor:
    """Return Transfer(surrogates) * (1 - Transfer(references)) of each point, (B,).

    Transfer is the share of models that give the victim's label.

    Args:
        labels: the victim's, (B,).
        copies: those of each surrogate, (S, B).
        others: those of each reference, (R, B).

    >>> copies, others = torch.tensor([[1, 1], [1, 0]]), torch.tensor([[0, 1], [0, 0]])
    >>> conferrability(torch.tensor([1, 1]), copies, others).tolist()
    [1.0, 0.25]
    """
    shared, common = ((found == labels).double().mean(0) for found in (copies, others))
    return shared * (1 - common)
