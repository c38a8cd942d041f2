"""Perturbed weights: shifted by their mean, rounded to few values, covered with noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world import layers
from arena.world.json_values import Json
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Recipe
from attackers.modify.finetune import labelled, needs_to_label
from attackers.modify.prune import prunable


def shifted(weight: Tensor, shift: float, noise: float, rng: Rng) -> Tensor:
    """Return W - (shift * mean of W over output filters + noise * N(0, std(W)^2)).

    The mean is the carrier of Uchida's mark. Source: Lukas et al., S&P 2022.
    """
    draw = torch.randn(weight.shape, generator=rng.torch()).to(weight)
    return weight - (shift * weight.mean(0) + noise * weight.std(correction=0) * draw)


def rounded(values: Tensor, bits: int) -> Tensor:
    """Return the values, each in the middle of its bin between 2^bits edges from least to largest.

    Values on an edge stay: so the extremes do, and rounding twice is rounding once.
    Source: Lukas et al., S&P 2022.
    """
    exact = values.detach().double()
    low, high = float(exact.min()), float(exact.max())
    edges = torch.linspace(low, high, 2**bits, dtype=torch.float64, device=values.device)
    below = torch.searchsorted(edges, exact.contiguous()).clamp(1, len(edges) - 1)
    middles = (edges[below - 1] + edges[below]) / 2
    on_edge = torch.isin(exact, edges)
    return torch.where(on_edge, exact, middles).to(values)


def quantise(model: Model, bits: int) -> None:
    """Round the weights of convolutions and linear layers in place, each tensor by itself."""
    with torch.no_grad():
        for weight in prunable(model).values():
            weight.copy_(rounded(weight, bits))


@attack("weight-shift")
@dataclass(frozen=True, kw_only=True)
class WeightShift(Attack):
    """Takes the mean filter out of every convolution, adds noise, and fine-tunes.

    What: W <- W - (shift * mean over output filters + noise * N(0, std(W)^2)) for every
    convolution, then fine-tuning on the answers that the model gave before.
    Threat model: weights and architecture, unlabelled own data; no queries, no key.
    Parameters: shift; noise (in standard deviations of the tensor); epochs (0: no fine-tuning, to
    be judged before it in a round of its own); lr of Adam; batch (images).
    Cost: 0 queries; epochs * ceil(n / batch) optimiser steps.
    Differences to the paper: Adam; a model without convolutions is fine-tuned only.
    Reference: Lukas et al.: SoK: How robust is image classification watermarking, 2022.
    Versions: 1.
    """

    paper: ClassVar[str] = "Lukas et al., S&P 2022"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", data=1)
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients"})
    dial: ClassVar[Dial] = Dial("shift", 0.5, 2.5)
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"epochs": 2})

    shift: float = 1.5
    noise: float = 1.0
    epochs: int = 10
    lr: float = 1e-3
    batch: int = 64

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Shift the current suspect's convolutions."""
        model = access.model()
        examples = labelled(access, model, "model") if self.epochs else None
        with torch.no_grad():
            for name in dict.fromkeys(layers.convolutions(model, model.card.input_shape)):
                weight = layers.weight(model, name)
                weight.copy_(shifted(weight, self.shift, self.noise, rng.child(name)))
        if examples:
            recipe = Recipe(lr=self.lr, epochs=self.epochs, batch=self.batch)
            access.lab.train(model, examples, recipe, rng.child("training"))
        return Deliverable(model)


@attack("quantise")
@dataclass(frozen=True, kw_only=True)
class Quantise(Attack):
    """Rounds every weight to one of a few values.

    What: 2^bits edges from a tensor's smallest to its largest weight; each weight moves to the
    middle of its bin. Fine-tuning may follow, and rounding once more after it.
    Threat model: weights and architecture, unlabelled own data; no queries, no key.
    Parameters: bits; finetune_after (epochs on the answers that the model gave before; weights are
    then no longer rounded); requantise (rounds them again); lr of Adam; batch (images).
    Cost: 0 queries; finetune_after * ceil(n / batch) optimiser steps.
    Differences to the paper: biases and normalisation stay as they are. By default the delivered
    weights are rounded; the SoK's are not, after its epoch of fine-tuning (requantise = False).
    Reference: Lukas et al.: SoK: How robust is image classification watermarking, 2022.
    Versions: 1.
    """

    paper: ClassVar[str] = "Lukas et al., S&P 2022"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", data=1)
    task_needs: ClassVar[frozenset[str]] = frozenset({"weights"})
    dial: ClassVar[Dial] = Dial("bits", 8, 2)

    bits: int = 5
    finetune_after: int = 1
    requantise: bool = True
    lr: float = 1e-3
    batch: int = 64

    def __post_init__(self) -> None:
        if self.bits < 1 or self.finetune_after < 0:
            raise ValueError(
                f"expected at least 1 bit and 0 epochs, found {self.bits} and {self.finetune_after}"
            )

    @property
    def needs_of_task(self) -> frozenset[str]:
        """Return what rounding and fine-tuning need: answers to learn from are of classes."""
        return needs_to_label(self.task_needs, "model" if self.finetune_after else "truth")

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Round the current suspect's weights."""
        model = access.model()
        examples = labelled(access, model, "model") if self.finetune_after else None
        quantise(model, self.bits)
        if examples:
            recipe = Recipe(lr=self.lr, epochs=self.finetune_after, batch=self.batch)
            access.lab.train(model, examples, recipe, rng.child("training"))
            if self.requantise:
                quantise(model.cpu(), self.bits)
        return Deliverable(model)


@attack("noise")
@dataclass(frozen=True, kw_only=True)
class Noise(Attack):
    """Adds Gaussian noise to every weight.

    What: W <- W + deviation * N(0, std(W)^2) for the weights of convolutions and linear layers.
    Threat model: weights and architecture; no data, no queries, no key.
    Parameters: deviation (in standard deviations of the tensor).
    Cost: 0 queries, 0 steps.
    Differences to the paper: none is known; biases and normalisation are spared.
    Reference: Lukas et al.: SoK: How robust is image classification watermarking, 2022.
    Versions: 1.
    """

    paper: ClassVar[str] = "Lukas et al., S&P 2022"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights")
    task_needs: ClassVar[frozenset[str]] = frozenset({"weights"})
    dial: ClassVar[Dial] = Dial("deviation", 0.02, 1.0, "log")

    deviation: float = 0.1

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Cover the current suspect's weights with noise."""
        model = access.model()
        with torch.no_grad():
            for name, weight in prunable(model).items():
                weight.copy_(shifted(weight, 0.0, self.deviation, rng.child(name)))
        return Deliverable(model)
