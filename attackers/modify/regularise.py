"""Regularisation: the stolen model is held back until it forgets, or taught softer answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.lab import Lab
from arena.game.sides.player import Dial
from arena.world import layers
from arena.world.json_values import Json
from arena.world.rng import Rng
from arena.world.training import Examples, Hook, Recipe, StepView
from attackers.modify.finetune import labelled

Norm = Literal["mean", "root"]
Smoothing = Literal["uniform", "permuted"]


def halves(examples: Examples, share: float, rng: Rng) -> tuple[Examples, Examples]:
    """Return a random share of the examples, at least one, and the others."""
    order = torch.randperm(len(examples), generator=rng.torch())
    n = max(1, round(len(examples) * share))
    return examples.select(order[:n]), examples.select(order[n:])


class Forgets(Hook):
    """Lets training stop once held-out accuracy has fallen to a floor: a look at own data alone."""

    def __init__(self, lab: Lab, held_out: Examples, floor: float) -> None:
        classes = held_out.targets.argmax(1)
        self.lab, self.floor = lab, floor
        self.held_out = Examples(held_out.images, classes)

    def satisfied(self, model: nn.Module) -> bool:
        """Say whether the model has forgotten enough; costs a pass of the held-out images."""
        return self.lab.accuracy(model, self.held_out) <= self.floor


@attack("l2-recover")
@dataclass(frozen=True, kw_only=True)
class L2Recover(Attack):
    """Shrinks the weights until the model forgets, then lets it recover.

    What: first a strong weight decay on a small part of the thief's images, until the accuracy on
    others of them has fallen to the floor; then no decay on all, until that accuracy stands still.
    All labels are answers that the model gave before. The mark may come back with the accuracy.
    Threat model: weights and architecture, unlabelled own data; no queries, no key.
    Parameters: decay; epochs (of the first part, at most); share (of the own images that it learns
    on); floor (accuracy in [0, 1] that ends it); recovery (epochs of the second part, at most);
    patience (epochs without a better accuracy that end it); lr of Adam; batch (images).
    Cost: 0 queries; at most epochs * ceil(share * n / batch) + recovery * ceil(0.9 * n / batch)
    optimiser steps, and a pass of held-out images for each epoch.
    Differences to the paper: the authors' code ends the first part when the secret triggers no
    longer work, which no thief can see; here the accuracy on own held-out images ends it.
    Reference: Shafieinejad et al.: On the robustness of backdoor-based watermarking, IH&MMSec 2021.
    Versions: 1.
    """

    paper: ClassVar[str] = "Shafieinejad et al., IH&MMSec 2021"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", data=1)
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients"})
    dial: ClassVar[Dial] = Dial("decay", 0.003, 0.3, "log")
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({"epochs": 3, "recovery": 5})

    decay: float = 0.1
    epochs: int = 30
    share: float = 0.25
    floor: float = 0.5
    recovery: int = 30
    patience: int = 5
    lr: float = 1e-3
    batch: int = 64

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Let the current suspect forget and recover."""
        model = access.model()
        own = labelled(access, model, "model")
        few, others = halves(own, self.share, rng.child("share"))
        shrink = Recipe(lr=self.lr, epochs=self.epochs, batch=self.batch, weight_decay=self.decay)
        stop = [Forgets(access.lab, others, self.floor)] if len(others) else []
        access.lab.train(model, few, shrink, rng.child("forget"), stop)
        recover = Recipe(
            lr=self.lr,
            epochs=self.recovery,
            batch=self.batch,
            validation=0.1,
            patience=self.patience,
        )
        access.lab.train(model, own, recover, rng.child("recover"))
        return Deliverable(model)


class FeaturePenalty(Hook):
    """The extra loss: the size of every hidden feature map, each class by a coefficient of its own.

    Source: Lukas et al., S&P 2022: its norms 1 (mean) and 2 (root).
    """

    def __init__(self, names: Sequence[str], strength: float, norm: Norm, n_classes: int) -> None:
        self.layers, self.strength, self.norm = names, strength, norm
        self._coefficients = torch.ones(n_classes)

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Draw the coefficients in [0, 1]."""
        drawn = torch.rand(len(self._coefficients), generator=rng.torch())
        self._coefficients = drawn.to(device)

    def loss(self, view: StepView) -> Tensor | None:
        """Return the penalty, summed over the layers and averaged over the images."""
        classes = view.targets if view.targets.dim() == 1 else view.targets.argmax(1)
        total = torch.zeros((), device=view.outputs.device)
        for name in self.layers:
            maps = view.activations[name].float().flatten(1)  # (B, entries)
            if self.norm == "mean":
                total = total + (self._coefficients[classes] * maps.abs().mean(1)).mean()
            else:
                total = total + maps.square().sum(1).clamp_min(1e-12).sqrt().mean()
        return self.strength * total


@attack("feature-regularise")
@dataclass(frozen=True, kw_only=True)
class FeatureRegularise(Attack):
    """Trains with a penalty on every hidden feature map, then without.

    What: an epoch of cross-entropy plus the size of all hidden activations, then some epochs plain,
    on the answers that the model gave before.
    Threat model: weights and architecture, unlabelled own data; no queries, no key.
    Parameters: strength (of the penalty); norm ("mean": of the magnitudes, each class by a random
    coefficient in [0, 1]; "root": root of the sum of squares); epochs with and recovery epochs
    without the penalty; lr of Adam; batch (images).
    Cost: 0 queries; (epochs + recovery) * ceil(n / batch) optimiser steps.
    Differences to the paper: no wrapper that flips every input comes with it: that is a move of its
    own. Its third penalty, a Gaussian likelihood, is left out.
    Reference: Lukas et al.: SoK: How robust is image classification watermarking, 2022.
    Versions: 1.
    """

    paper: ClassVar[str] = "Lukas et al., S&P 2022"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", data=1)
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "hidden"})
    dial: ClassVar[Dial] = Dial("strength", 0.01, 10.0, "log")

    strength: float = 0.1
    norm: Norm = "mean"
    epochs: int = 1
    recovery: int = 3
    lr: float = 1e-3
    batch: int = 64

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Train the current suspect with and without the penalty."""
        model = access.model()
        own = labelled(access, model, "model")
        names = layers.activations(model, model.card.input_shape)
        penalty = FeaturePenalty(names, self.strength, self.norm, access.n_classes)
        recipe = Recipe(lr=self.lr, epochs=self.epochs, batch=self.batch)
        access.lab.train(model, own, recipe, rng.child("penalty"), [penalty])
        access.lab.train(model, own, recipe.but(epochs=self.recovery), rng.child("recovery"))
        return Deliverable(model)


def softened(rows: Tensor, kind: Smoothing, amount: float, drop: int, rng: Rng) -> Tensor:
    """Return softer targets (N, C) than the rows (N, C).

    The 2nd to `drop`-th largest entries of each row become zero and the row sums to one again; then
    a part `amount` of it goes to the uniform row, or to its own entries in another order.
    Source: Lukas et al., S&P 2022.
    """
    if drop > 1:
        largest = rows.topk(min(drop, rows.shape[1]), 1).indices[:, 1:]
        rows = rows.scatter(1, largest, 0.0)
        rows = rows / rows.sum(1, keepdim=True)
    other = torch.full_like(rows, 1 / rows.shape[1])
    if kind == "permuted":
        order = torch.rand(rows.shape, generator=rng.torch()).argsort(1)
        other = rows.gather(1, order)
    return (1 - amount) * rows + amount * other


@attack("label-smooth")
@dataclass(frozen=True, kw_only=True)
class LabelSmooth(Attack):
    """Fine-tunes on softened answers of the stolen model.

    What: the model's probabilities, mixed with the uniform row or with themselves in a random
    order, become the targets of fine-tuning; second choices, which may carry a mark, can be
    dropped before.
    Threat model: weights and architecture, unlabelled own data; no queries, no key.
    Parameters: smoothing (share in [0, 1] of the uniform row, or of the permuted one); kind; drop
    (the 2nd to drop-th largest probabilities become zero; 0 keeps all); epochs; lr of Adam; batch
    (images).
    Cost: 0 queries; epochs * ceil(n / batch) optimiser steps.
    Differences to the paper: Adam at a stated rate (the SoK multiplies the owner's by 10).
    Reference: Lukas et al.: SoK: How robust is image classification watermarking, 2022.
    Versions: 1.
    """

    paper: ClassVar[str] = "Lukas et al., S&P 2022"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", data=1)
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients"})
    dial: ClassVar[Dial] = Dial("smoothing", 0.1, 0.9)

    smoothing: float = 0.3
    kind: Smoothing = "uniform"
    drop: int = 0
    epochs: int = 5
    lr: float = 1e-2
    batch: int = 64

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Fine-tune the current suspect on softened answers."""
        model = access.model()
        own = labelled(access, model, "model")
        targets = softened(own.targets, self.kind, self.smoothing, self.drop, rng.child("permuted"))
        recipe = Recipe(lr=self.lr, epochs=self.epochs, batch=self.batch)
        examples = Examples(own.images, targets)
        access.lab.train(model, examples, recipe, rng.child("training"))
        return Deliverable(model)
