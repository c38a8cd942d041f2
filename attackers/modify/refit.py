"""REFIT: fine-tuning at the largest learning rate that the stolen model survives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from arena.errors import PlayerError
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.lab import Lab
from arena.game.sides.player import Dial
from arena.world.json_values import Json
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, Hook, Recipe, StepView
from attackers.modify.regularise import halves

_CHUNK = 32  # images whose gradients are held at a time


def fisher(lab: Lab, model: Model, examples: Examples) -> dict[str, Tensor]:
    """Return the diagonal of the empirical Fisher information by parameter, on the CPU.

    The mean over the examples of the squared gradient of the log-likelihood, in eval mode.
    """
    n = len(examples)
    lab.meter.charge({"images_forward": n, "images_backward": n})
    lab.compute.place(model).eval()
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    buffers = dict(model.named_buffers())

    def loss(values: dict[str, Tensor], image: Tensor, target: Tensor) -> Tensor:
        logits = functional_call(model, (values, buffers), (image[None],))
        return F.cross_entropy(logits, target[None])

    gradients = vmap(grad(loss), in_dims=(None, 0, 0))
    total = {name: torch.zeros_like(value) for name, value in parameters.items()}
    for index in torch.split(torch.arange(n), _CHUNK):
        part = examples.select(index).to(lab.compute.device)
        found = gradients(parameters, lab.compute.images(part.images), part.targets)
        for name, rows in found.items():
            total[name] += rows.square().sum(0)
    return {name: (value / n).cpu() for name, value in total.items()}


class Elastic(Hook):
    """The extra loss: k/2 * sum over i of min(F_i, 1 / (lr k)) (theta_i - theta0_i)^2.

    The cap keeps a step of gradient descent from overshooting. Source: Chen et al.,
    AsiaCCS 2021.
    """

    def __init__(self, information: Mapping[str, Tensor], k: float, lr: float) -> None:
        self.k = k
        self.weights = {name: rows.clamp(max=1 / (lr * k)) for name, rows in information.items()}
        self._pairs: list[tuple[nn.Parameter, Tensor, Tensor]] = []

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Remember where the parameters start."""
        self._pairs = [
            (parameter, parameter.detach().clone(), self.weights[name].to(device))
            for name, parameter in model.named_parameters()
        ]

    def loss(self, view: StepView) -> Tensor:
        """Return the penalty."""
        terms = [(weight * (now - then).square()).sum() for now, then, weight in self._pairs]
        return 0.5 * self.k * torch.stack(terms).sum()


class Foreign(Hook):
    """Appends to each batch some images of a pool, labelled by the stolen model."""

    def __init__(self, pool: Examples, n: int) -> None:
        self.pool, self.n = pool, n
        self._draw = torch.Generator()

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Move the pool to the device."""
        self.pool, self._draw = self.pool.to(device), rng.torch()

    def examples(self, step: int) -> Examples:
        """Return this step's images."""
        index = torch.randint(len(self.pool), (self.n,), generator=self._draw)
        return self.pool.select(index.to(self.pool.images.device))


@attack("refit")
@dataclass(frozen=True, kw_only=True)
class Refit(Attack):
    """Fine-tunes at several learning rates and keeps the largest that the model survives.

    What: a large learning rate that decays slowly moves the weights far enough to lose a mark. How
    large it may be is found on the thief's own data: from the largest down, a copy is fine-tuned
    on most of them, until one is within the tolerance of the stolen model's accuracy on the rest.
    Where none is, the most accurate one is delivered. Elasticity (EWC) holds on to what the labels
    need: the parameters with much Fisher information.
    Threat model: weights and architecture, labelled own data; no queries, no key.
    Parameters: lrs (of SGD with momentum 0.9 and decay 5e-4, tried from the largest down);
    tolerance (accuracy in [0, 1] that may be lost on held-out own data); validation (share of the
    own data that is held out); gamma (factor on the rate after each epoch); elasticity (weight k of
    the elastic penalty, 0 for none, 10 in the paper); n_fisher (images for the information);
    epochs; batch (images).
    Cost: 0 queries; epochs * ceil(n / batch) optimiser steps for each rate that is tried, and one
    backward pass of n_fisher images with elasticity.
    Differences to the paper: the authors fix a rate for each data set and variant; here the thief
    picks one of a list, by what it can see itself.
    Reference: Chen et al.: REFIT: a unified watermark removal framework, AsiaCCS 2021.
    Versions: 1.
    """

    paper: ClassVar[str] = "Chen et al., AsiaCCS 2021"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", data=1, data_labels=True)
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients"})
    dial: ClassVar[Dial] = Dial("tolerance", 0.0, 0.2)
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"lrs": [0.05, 0.01], "epochs": 2})

    lrs: tuple[float, ...] = (1e-1, 5e-2, 1e-2, 1e-3, 1e-4)
    tolerance: float = 0.03
    validation: float = 0.2
    gamma: float = 0.9
    elasticity: float = 0.0
    n_fisher: int = 10_000
    epochs: int = 60
    batch: int = 100

    def __post_init__(self) -> None:
        if not self.lrs or min(self.lrs) <= 0:
            raise ValueError(f"expected learning rates above 0, found {self.lrs}")

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Sweep the learning rates, largest first."""
        stolen, own = access.model(), Examples.of(access.data())
        held_out, rest = halves(own, self.validation, rng.child("validation"))
        if not len(rest):
            raise PlayerError("expected at least 2 own images, found 1; grant more data")
        wanted = access.lab.accuracy(stolen, held_out) - self.tolerance
        hooks = self.beside(access, stolen)
        information = self._information(access.lab, stolen, rest, rng)
        best, reached = stolen, -1.0
        for lr in sorted(self.lrs, reverse=True):
            model = stolen.copy()
            elastic = [Elastic(information, self.elasticity, lr)] if information else []
            stream = rng.child("training", str(lr))
            access.lab.train(model, rest, self.recipe(lr), stream, [*elastic, *hooks])
            accuracy = access.lab.accuracy(model, held_out)
            if accuracy > reached:
                best, reached = model, accuracy
            if accuracy >= wanted:
                return Deliverable(model)
        return Deliverable(best)

    def recipe(self, lr: float) -> Recipe:
        """Return how one copy is fine-tuned."""
        return Recipe(
            optimiser="sgd",
            lr=lr,
            weight_decay=5e-4,
            schedule="exponential",
            gamma=self.gamma,
            epochs=self.epochs,
            batch=self.batch,
        )

    def beside(self, access: Access, stolen: Model) -> Sequence[Hook]:
        """Return what each fine-tuning adds."""
        return ()

    def _information(
        self, lab: Lab, stolen: Model, examples: Examples, rng: Rng
    ) -> dict[str, Tensor]:
        if not self.elasticity:
            return {}
        order = torch.randperm(len(examples), generator=rng.child("fisher").torch())
        return fisher(lab, stolen, examples.select(order[: self.n_fisher]))


@attack("refit-au")
@dataclass(frozen=True, kw_only=True)
class RefitAugmented(Refit):
    """REFIT with foreign images in every batch, labelled by the stolen model (AU).

    What: as REFIT; images of another distribution, with the answers of the stolen model, keep what
    the few labelled ones do not show.
    Threat model: as for REFIT, and a public pool of unlabelled images.
    Parameters: n_foreign (images of the pool in each batch); the others as for REFIT, with a rate
    that falls faster.
    Cost: as for REFIT, with n_foreign more images a step, and one pass of the pool.
    Differences to the paper: as for REFIT.
    Reference: Chen et al.: REFIT: a unified watermark removal framework, AsiaCCS 2021.
    Versions: 1.
    """

    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", data=1, data_labels=True, pool="*")

    gamma: float = 0.86  # 0.1 in 15 epochs
    n_foreign: int = 50

    def beside(self, access: Access, stolen: Model) -> Sequence[Hook]:
        """Return the feed of foreign images."""
        images = access.pool().images
        return [Foreign(Examples(images, access.lab.labels(stolen, images)), self.n_foreign)]
