"""DeepJudge's distances between two models, as functions of what both answer on the same tests.

All are 0 for equal models and grow with the difference. Source: Chen et al., S&P 2022, in the
normalised form of the lecture; `scale="repository"` gives what the public code prints, which counts
active neurons where the definition averages over them.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

DistanceScale = Literal["lecture", "repository"]
BLACKBOX = ("RobD", "JSD")
WHITEBOX = ("NOD", "NAD", "LOD", "LAD")
METRICS = (*BLACKBOX, *WHITEBOX)
_TINY = 1e-6  # keeps the normalisation of a constant layer finite


def robustness(answers: Tensor, labels: Tensor) -> float:
    """Return Rob: the share in [0, 1] of adversarial images whose true class is answered.

    Args:
        answers: the classes that a model answers, (T,).
        labels: the true classes, (T,).

    >>> robustness(torch.tensor([3, 1, 2, 2]), torch.tensor([3, 1, 0, 1]))
    0.5
    """
    return float((answers == labels).double().mean())


def robustness_distance(answers: Tensor, others: Tensor, labels: Tensor) -> float:
    """Return RobD in [0, 1]: how far apart two models are in Rob.

    >>> truth = torch.tensor([0, 1, 2, 2])
    >>> robustness_distance(torch.tensor([0, 1, 2, 0]), torch.tensor([1, 0, 0, 0]), truth)
    0.75
    """
    n_right, n_others = int((answers == labels).sum()), int((others == labels).sum())
    return abs(n_right - n_others) / len(labels)


def jensen_shannon(p: Tensor, q: Tensor) -> float:
    """Return JSD in [0, ln 2]: the mean divergence of two models' answers, natural logarithm.

    Args:
        p: probabilities (T, C); each row counts by its proportions, so answers that were rounded
            or scaled are compared as distributions.
        q: probabilities (T, C).

    >>> round(jensen_shannon(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])), 6)
    0.693147
    """
    p, q = (x.double() / x.double().sum(1, keepdim=True) for x in (p, q))
    middle = (p + q) / 2
    terms = torch.special.xlogy(p, p) + torch.special.xlogy(q, q)
    divergence = (terms / 2 - torch.special.xlogy(middle, middle)).sum(1)  # (T,)
    return float(divergence.clamp_min(0).mean())


def neurons(output: Tensor) -> Tensor:
    """Return one number for each neuron, (T, N), of a layer's output.

    A neuron of a convolution (T, N, H, W) is the mean over its channel's places, also where the
    channels come last, (T, H, W, N), which square maps with N > H tell (maps of N channels that are
    N high and wider than that would be taken for them); of a sequence (T, S, N) the mean over the
    sequence; of a linear layer (T, N) the unit itself.

    >>> neurons(torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]]))
    tensor([[3.]])
    """
    if output.dim() == 4:
        _, first, second, third = output.shape
        if first == second < third:
            return output.flatten(1, 2).mean(1)
        return output.flatten(2).mean(2)
    return output.mean(1) if output.dim() == 3 else output


def active(outputs: Tensor, threshold: float = 0.5) -> Tensor:
    """Return which neurons (T, N) are active: those in the upper part of their layer's range.

    Args:
        outputs: (T, N).
        threshold: place in the range of each test's outputs, in [0, 1).

    >>> active(torch.tensor([[0.0, 1.0, 4.0]]))
    tensor([[False, False,  True]])
    """
    low, high = outputs.amin(1, keepdim=True), outputs.amax(1, keepdim=True)
    return (outputs - low) / (high - low + _TINY) > threshold


def neuron_output_distance(a: Tensor, b: Tensor, own: Tensor | None = None) -> float:
    """Return NOD in [0, inf): the mean absolute difference of a neuron's outputs.

    Args:
        a: one model's outputs, (T, N).
        b: the other's, (T, N).
        own: the neuron that each test was made for, (T,); its tests alone speak for a neuron, and
            neurons with more tests weigh more. None: every test speaks for every neuron.

    >>> a, b = torch.tensor([[1.0, 5.0], [2.0, 5.0]]), torch.tensor([[0.0, 5.0], [2.0, 8.0]])
    >>> neuron_output_distance(a, b), neuron_output_distance(a, b, own=torch.tensor([0, 1]))
    (1.0, 2.0)
    """
    return _mean(_own((a.double() - b.double()).abs(), own))


def neuron_activation_distance(
    a: Tensor, b: Tensor, own: Tensor | None = None, scale: DistanceScale = "lecture"
) -> float:
    """Return NAD in [0, 1]: how often a neuron is active in one model and not in the other.

    Args:
        a: one model's outputs, (T, N).
        b: the other's, (T, N).
        own: as for NOD.
        scale: "repository" multiplies by N.

    >>> a, b = torch.tensor([[0.0, 9.0], [9.0, 0.0]]), torch.tensor([[0.0, 9.0], [0.0, 9.0]])
    >>> neuron_activation_distance(a, b), neuron_activation_distance(a, b, scale="repository")
    (0.5, 1.0)
    """
    return _mean(_own((active(a) != active(b)).double(), own)) * _factor(a, scale)


def layer_output_distance(a: Tensor, b: Tensor, p: float = 2) -> float:
    """Return LOD in [0, inf): the mean p-norm of the difference of a layer's outputs (T, N).

    >>> layer_output_distance(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 4.0]]))
    5.0
    """
    return _mean(torch.linalg.vector_norm(a.double() - b.double(), p, dim=1))


def layer_activation_distance(a: Tensor, b: Tensor, scale: DistanceScale = "lecture") -> float:
    """Return LAD in [0, 1]: the share of a layer's neurons that are active in one model only.

    Args:
        a: one model's outputs, (T, N).
        b: the other's, (T, N).
        scale: "repository" counts the neurons instead: N times as much.

    >>> a, b = torch.tensor([[0.0, 9.0, 9.0, 9.0]]), torch.tensor([[0.0, 9.0, 0.0, 0.0]])
    >>> layer_activation_distance(a, b)
    0.5
    """
    return _mean((active(a) != active(b)).double()) * _factor(a, scale)


def whitebox_distances(a: Tensor, b: Tensor, own: Tensor | None = None) -> dict[str, float]:
    """Return NOD, NAD, LOD and LAD of a layer's outputs (T, N), in the lecture's scale."""
    return {
        "NOD": neuron_output_distance(a, b, own),
        "NAD": neuron_activation_distance(a, b, own),
        "LOD": layer_output_distance(a, b),
        "LAD": layer_activation_distance(a, b),
    }


def _own(values: Tensor, own: Tensor | None) -> Tensor:
    return values if own is None else values.gather(1, own[:, None])


def _mean(values: Tensor) -> float:
    return float(values.mean())


def _factor(outputs: Tensor, scale: DistanceScale) -> int:
    return outputs.shape[1] if scale == "repository" else 1
