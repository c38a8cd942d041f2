"""The first stage: is the suspect the same model as the victim, exactly or rewritten?

The second stage, whether it is derived from the victim, is the evidence of the six distances.
"""

from __future__ import annotations

import torch
from torch import Tensor

from arena.errors import NotComparable
from arena.game.court.evidence import Consistency
from arena.world.compute import Compute
from arena.world.graph import align
from arena.world.models import Model

_ROUNDING = 1e-3  # relative: a rewriting multiplies and divides float32 weights


def consistency(victim: Model, suspect: Model, probes: Tensor, compute: Compute) -> Consistency:
    """Compare two models: first what they answer, then their weights.

    Args:
        victim: the owner's model.
        suspect: the other; both are only read.
        probes: inputs like those of the task, (N, *input_shape).
        compute: where the models run.
    """
    if suspect.card.input_shape != victim.card.input_shape:
        return Consistency("different", 1.0)
    mine, theirs = (compute.logits(model, probes) for model in (victim, suspect))  # (N, C)
    if mine.shape != theirs.shape:
        return Consistency("different", 1.0)
    largest = float(mine.abs().max()) or 1.0
    difference = float((mine - theirs).abs().nan_to_num(nan=torch.inf).max()) / largest
    if difference > _ROUNDING:
        return Consistency("different", min(difference, 1e9))
    if _same(victim.state_dict(), suspect.state_dict(), 0.0):
        return Consistency("exact", difference)
    try:
        aligned, _ = align(suspect, victim, probes, compute)
    except NotComparable:
        return Consistency("same function", difference)
    same = _same(victim.state_dict(), aligned.state_dict(), _ROUNDING)
    return Consistency("equivalent" if same else "same function", difference)


def _same(first: dict[str, Tensor], second: dict[str, Tensor], tolerance: float) -> bool:
    """Say whether all weights agree, up to a share of each tensor's largest value.

    Whole numbers are no weights: they count the batches that normalisations have seen.
    """
    if {name: t.shape for name, t in first.items()} != {n: t.shape for n, t in second.items()}:
        return False
    return all(
        float((tensor.double() - second[name].double()).abs().max())
        <= tolerance * float(tensor.double().abs().max())
        for name, tensor in first.items()
        if tensor.numel() and tensor.is_floating_point()
    )
