"""The toolbox's functionally equivalent extraction: a ReLU network read off its own kinks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import torch

from arena.errors import PlayerError
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.needs import Need, register_need
from arena.world.global_rng import lent
from arena.world.json_values import Json
from arena.world.kinds.classifier import normalisation
from arena.world.models import Model, ModelCard
from arena.world.rng import Rng
from attackers.extract.art_wrappers import Array
from attackers.extract.queries import exact, probes

_CLOSE = 1e-3  # the greatest difference of a probability in a copy that is one


def float64_oracle(access: Access, max_queries: int) -> Any:
    """Return the victim as the toolbox's neural black box, in float64 all the way.

    The toolbox's own class rounds answers to float32, at which kinks cannot be told from noise. It
    also searches for ever where every neuron is dead: AssertionError, its own word for a failed
    search, is raised when it asks about NaN or more often than allowed.
    """
    from art.estimators.classification.blackbox import BlackBoxClassifierNeuralNetwork

    class Oracle(BlackBoxClassifierNeuralNetwork):  # type: ignore[misc]  # art has no types
        n_left = max_queries

        def predict(self, x: Array, batch_size: int = 128, **kwargs: Any) -> Array:
            self.n_left -= len(x)
            if self.n_left < 0 or not np.isfinite(x).all():
                raise AssertionError("the search for kinks is lost")
            images = torch.from_numpy(x).reshape(-1, *access.card.input_shape)
            return access.query(images).numpy()

    shape = (int(np.prod(access.card.input_shape)),)
    return Oracle(lambda x: x, shape, access.n_classes)


def assigned(model: Model, extraction: Any) -> None:
    """Put the toolbox's weights, made for raw inputs, into a model that normalises, in place."""
    w_0, b_0, w_1, b_1 = (
        torch.from_numpy(getattr(extraction, name)) for name in ("w_0", "b_0", "w_1", "b_1")
    )  # (D, H), (H, 1), (H, C), (C, 1)
    scale = w_0.norm(dim=0)  # a ReLU passes positive factors on to the next layer
    w_0, b_0, w_1 = w_0 / scale, b_0[:, 0] / scale, w_1 * scale[:, None]
    shape = model.card.input_shape
    known = normalisation(model)
    mean, std = (constant.double().expand(shape).flatten() for constant in (known.mean, known.std))
    state = {
        "fc1.weight": (w_0 * std[:, None]).T,
        "fc1.bias": b_0 + mean @ w_0,
        "fc2.weight": w_1.T,
        "fc2.bias": b_1[:, 0],
    }
    model.body.load_state_dict(state)


def _has_one_hidden_layer(card: ModelCard) -> bool:
    plain = card.arguments.get("norm", "none") == "none"
    return card.architecture == "mlp" and len(card.arguments.get("hidden", ())) == 1 and plain


register_need(
    "one-hidden-layer",
    Need(
        "an mlp with one hidden layer and no normalisation",
        lambda offer: _has_one_hidden_layer(offer.card),
        advice="choose another attack",
    ),
)


@attack("art-functional")
@dataclass(frozen=True, kw_only=True)
class ArtFunctional(Attack):
    """The toolbox's FunctionallyEquivalentExtraction: an exact copy of one hidden ReLU layer.

    What: along a line through the inputs the logits bend where a neuron switches; second
    differences there give its weights, a least-squares problem gives the last layer.
    Threat model: logits in float64 for inputs of any size, and the architecture: a perceptron with
    one hidden layer. Rounded answers or float32 make it fail.
    Parameters: stride (first step along the line, in standard deviations of the inputs); attempts
    (lines that are tried: on one line some neuron may not switch, or bend the logits too little);
    n_samples (inputs for the last layer, and as many to check the copy with).
    Cost: for each attempt about 18 H^2 / stride queries to find the kinks and 8 D H to read the
    weights, at most twice as many, one image a round; no optimiser steps; one model.
    Differences to the paper: those of the toolbox, on purpose; but other lines are tried where it
    gives up, asks on and on, or ends with a copy that does not answer alike; float64 throughout.
    Reference: Jagielski et al.: High accuracy and high fidelity extraction, 2020.
    Versions: 1.
    """

    paper: ClassVar[str] = "Jagielski et al., USENIX Security 2020"
    needs: ClassVar[ThreatModel] = ThreatModel(
        output="logits", double=True, real_inputs=True, architecture=True
    )
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "one-hidden-layer"})
    victim: ClassVar[Mapping[str, Json]] = MappingProxyType(
        {"model": "mlp", "arguments": {"hidden": [4]}}
    )
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"stride": 0.5})

    stride: float = 0.05
    attempts: int = 10
    n_samples: int = 200

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Try line after line; deliver the copy that answers as the victim does, or the nearest.

        Raises:
            PlayerError: no line shows every neuron.
        """
        n_neurons = int(access.card.arguments["hidden"][0])
        model = access.lab.build(access.card, rng.child("model"))
        check = probes(access, self.n_samples, rng.child("check"))
        answers, found = exact(access, check), dict[float, Model]()
        for attempt in range(self.attempts):
            extraction = self._extracted(access, n_neurons, rng.child("attempt", attempt))
            if extraction is not None:
                assigned(copy := model.copy(), extraction)
                rows = access.lab.logits(copy, check, double=True).softmax(1)
                error = float((rows[: len(answers)] - answers).abs().max())
                found[error] = copy
                if error < _CLOSE:
                    break
        if not found:
            raise PlayerError(
                f"expected {n_neurons} kinks on one of {self.attempts} lines, found other numbers; "
                "allow more attempts"
            )
        return Deliverable(found[min(found)])

    def _extracted(self, access: Access, n_neurons: int, rng: Rng) -> Any:
        """Return the toolbox's finished attack, or None where its line does not show all."""
        from art.attacks.extraction import FunctionallyEquivalentExtraction

        samples = probes(access, self.n_samples, rng.child("samples")).flatten(1).numpy()
        kinks, weights = 18 * n_neurons**2 / self.stride, 8 * samples.shape[1] * n_neurons
        with lent(rng.child("toolbox")), np.errstate(all="ignore"):
            oracle = float64_oracle(access, int(2 * (kinks + weights)) + len(samples))
            extraction = FunctionallyEquivalentExtraction(oracle, n_neurons)
            try:
                extraction.extract(samples, delta_0=self.stride)
            except AssertionError:
                return None
        return extraction
