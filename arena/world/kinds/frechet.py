"""The Frechet distance between two clouds of features, each taken for a normal distribution."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Cloud(NamedTuple):
    """Mean (D,) and covariance (D, D) of features, float64."""

    mean: Tensor
    covariance: Tensor


def cloud(features: Tensor) -> Cloud:
    """Return the moments of features (N, D), N >= 2."""
    values = features.flatten(1).double()
    return Cloud(values.mean(0), torch.cov(values.T).reshape(values.shape[1], -1))


def frechet(one: Cloud, other: Cloud) -> float:
    """Return the squared 2-Wasserstein distance between two normal distributions, at least 0.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^(1/2) C2 C1^(1/2))^(1/2)).

    Source: Dowson and Landau 1982; for generators Heusel et al., NeurIPS 2017, section 2.

    >>> flat = Cloud(torch.zeros(1), torch.ones(1, 1))
    >>> frechet(flat, Cloud(torch.full((1,), 2.0), torch.full((1, 1), 9.0)))
    8.0
    """
    root = _root(one.covariance)
    cross = torch.linalg.eigvalsh(root @ other.covariance.double() @ root).clamp_min(0).sqrt().sum()
    moved = (one.mean.double() - other.mean.double()).square().sum()
    spread = one.covariance.trace() + other.covariance.trace() - 2 * cross
    return max(0.0, float(moved + spread))


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance.double())
    root: Tensor = vectors @ (values.clamp_min(0).sqrt()[:, None] * vectors.T)
    return root
