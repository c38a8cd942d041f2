"""Equation solving: the answers to a few inputs are equations in the victim's weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.json_values import Json
from arena.world.models import Model, ModelCard
from arena.world.rng import Rng
from arena.world.training import Recipe
from attackers.extract.queries import ask, contrasts, exact, floor_of, probes

_TINY = 1e-300  # the logarithm of what float64 rounded to zero is not wanted


def softmax_solution(inputs: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return weights (C, D) and biases (C,) whose softmax answers `rows` (N, C) to inputs (N, D).

    log p_i - mean_j log p_j is linear in the input, so this is one least-squares problem; what is
    added to all classes alike cannot be told and is set to zero. Source: Tramer et al. 2016,
    for two classes; here all the classes' log-ratios at once.
    """
    logs = rows.log()
    logs = logs - logs.mean(1, keepdim=True)  # (N, C)
    ones = inputs.new_ones(len(inputs), 1)
    system = torch.cat([inputs, ones], 1)  # (N, D + 1)
    solution = torch.linalg.lstsq(system, logs, driver="gelsd").solution  # (D + 1, C)
    return solution[:-1].T, solution[-1]


@attack("equation-softmax")
@dataclass(frozen=True, kw_only=True)
class EquationSoftmax(Attack):
    """Solves softmax regression from D + 1 answers, one linear system.

    What: the logarithms of the answered probabilities, less their mean, are linear in the input;
    as many random inputs as a class has weights determine all of them.
    Threat model: probabilities in float64; no data, no weights. The victim is softmax regression;
    of another kind of victim this is the linear model that fits the answers. Rounded answers are
    taken as they are: an answer of zero counts as half a unit of the last decimal.
    Parameters: factor (queries for each weight of a class; above 1 the system is solved by least
    squares, which helps against rounding).
    Cost: factor * (D + 1) queries in one call; no optimiser steps; one model.
    Differences to the paper: one linear solve in place of minimising the cross-entropy by
    quasi-Newton steps over 1 to 5 times C * (D + 1) queries.
    Reference: Tramer et al.: Stealing machine learning models via prediction APIs, 2016, section 4.
    Versions: 1.
    """

    paper: ClassVar[str] = "Tramer et al., USENIX Security 2016"
    needs: ClassVar[ThreatModel] = ThreatModel(output="probabilities", double=True)
    victim: ClassVar[Mapping[str, Json]] = MappingProxyType({"model": "softmax"})
    dial: ClassVar[Dial] = Dial("factor", 1.0, 10.0, "log")

    factor: float = 1.0

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Ask once and solve."""
        n = math.ceil(self.factor * (prod(access.card.input_shape) + 1))
        images = probes(access, n, rng.child("probes"))
        rows = exact(access, images).clamp_min(floor_of(access.grants, _TINY))
        card = access.card.model_copy(update={"architecture": "softmax", "arguments": {}})
        model = access.lab.build(card, rng.child("model"))
        with torch.no_grad():
            inputs = model.normalise(images[: len(rows)]).flatten(1)  # (N, D)
            weight, bias = softmax_solution(inputs, rows)
            layer = model.body.get_submodule("fc")
            layer.get_parameter("weight").copy_(weight)
            layer.get_parameter("bias").copy_(bias)
        return Deliverable(model)


@attack("equation-mlp")
@dataclass(frozen=True, kw_only=True)
class EquationMlp(Attack):
    """Solves a multilayer perceptron from a few random answers for each of its weights.

    What: random inputs, answered once; the same kind of network is trained on the answered rows
    until it meets them. The equations are not linear: of several starts the one with the lowest
    loss is kept, and the copy is close, at times exact.
    Threat model: probabilities; no data, no weights. The victim is a perceptron: its widths are
    those of the card where the architecture is known, else `hidden` is a guess.
    Parameters: alpha (queries for each unknown weight); hidden (widths); starts; epochs; lr of
    Adam, which falls to zero along a cosine; batch (images).
    Cost: alpha times the number of weights in queries, in one call; starts * epochs *
    ceil(n / batch) optimiser steps; as many models as starts.
    Differences to the paper: Adam with a falling rate, from several starts, in place of 1,000
    epochs of plain SGD; inputs in [0, 1] are of high contrast.
    Reference: Tramer et al.: Stealing machine learning models via prediction APIs, 2016, section 4.
    Versions: 1.
    """

    paper: ClassVar[str] = "Tramer et al., USENIX Security 2016"
    needs: ClassVar[ThreatModel] = ThreatModel(output="probabilities")
    victim: ClassVar[Mapping[str, Json]] = MappingProxyType(
        {"model": "mlp", "arguments": {"hidden": [20]}}
    )
    dial: ClassVar[Dial] = Dial("alpha", 0.5, 5.0, "log")
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType(
        {"alpha": 1.0, "epochs": 30, "starts": 2}
    )

    alpha: float = 5.0
    hidden: tuple[int, ...] = (20,)
    starts: int = 3
    epochs: int = 300
    lr: float = 1e-2
    batch: int = 512

    def __post_init__(self) -> None:
        if self.starts < 1 or self.epochs < 1:
            raise ValueError(
                f"expected 1 or more starts and epochs, found {self.starts} and {self.epochs}"
            )

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Ask once and fit."""
        card, streams = self._card(access), [rng.child("start", i) for i in range(self.starts)]
        models: list[Model] = [access.lab.build(card, stream.child("model")) for stream in streams]
        n = math.ceil(self.alpha * models[0].n_parameters)
        known = ask(access, contrasts(access, n, rng.child("probes")).float())
        recipe = Recipe(lr=self.lr, epochs=self.epochs, batch=self.batch, schedule="cosine")
        losses = [
            access.lab.train(model, known, recipe, stream.child("training")).losses[-1]
            for model, stream in zip(models, streams, strict=True)
        ]
        return Deliverable(models[losses.index(min(losses))])

    def _card(self, access: Access) -> ModelCard:
        card = access.card
        if access.grants.knows_architecture and card.architecture == "mlp":
            return card
        arguments = {"hidden": list(self.hidden)}
        return card.model_copy(update={"architecture": "mlp", "arguments": arguments})
