"""A solution: the signs of secret projections of the largest layer, centred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from arena.game import Defense, Key, OwnerTask, Protected, Rng, Suspect, Verdict, defense
from arena.game.court.statistics import binomial_tail, least_hits
from arena.world import layers
from arena.world.kinds.interface import Output


def signs(weight: Tensor, matrix: Tensor) -> Tensor:
    """Return the signs (T,) of the projections of a layer's weights.

    The mean of each filter is taken off: what all networks of a task have in common is no mark.
    """
    rows = weight.detach().double().flatten(1)
    centred = (rows - rows.mean(1, keepdim=True)).flatten()
    return matrix.double() @ centred > 0


@defense("projected-signs")
@dataclass(frozen=True, kw_only=True)
class Mine(Defense):
    """Remembers the signs of secret random projections of the model's largest layer.

    What: a fingerprint. Fine-tuning and pruning turn the weights by a small angle, which changes
    few signs; the weights of an independent model stand at right angles, and its signs are fair
    coins.
    Threat model: verification reads the suspect's weights by index.
    Parameters: n_signs (T).
    Cost: one matrix product.
    Differences to the paper: random hyperplanes, used as a fingerprint and not as a hash.
    Reference: Charikar: Similarity estimation techniques from rounding algorithms, STOC 2002.
    Versions: 1.
    """

    paper: ClassVar[str] = "after Charikar, STOC 2002"
    reads: ClassVar[Output] = "weights"
    invasive: ClassVar[bool] = False
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("signs", "high")

    n_signs: int = 128

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Return the model as it is; the key holds the projections and their signs."""
        model = task.base()
        names = layers.weighted(model, model.card.input_shape)
        layer = max(names[:-1] or names, key=lambda name: layers.weight(model, name).numel())
        weight = layers.weight(model, layer)
        shape = (self.n_signs, weight.numel())
        matrix = torch.randint(0, 2, shape, generator=rng.torch(), dtype=torch.int8) * 2 - 1
        tensors = {"matrix": matrix, "signs": signs(weight, matrix).to(torch.uint8)}
        settings = {"layer": layer, "shape": list(weight.shape)}
        return Protected(model, Key("projected-signs", "", settings, tensors))

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Count the signs that agree."""
        weight = suspect.weights(key.settings["layer"], tuple(key.settings["shape"]))
        agree = signs(weight, key.tensors["matrix"]) == key.tensors["signs"].bool()
        hits, n = int(agree.sum()), self.n_signs
        p_value, share = binomial_tail(hits, n), hits / n
        threshold = least_hits(n, 0.5, self.level) / n
        reason = f"{share:.2f} of the signs agree"
        return Verdict(p_value <= self.level, p_value, share, threshold, "signs", "high", reason)
