"""Adaptive attacks: the thief has seen the owner's test cases and trains against them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from arena.errors import NotComparable
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import attack
from arena.game.sides.deliverable import Deliverable
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, Hook, StepView
from attackers.modify.finetune import FineTune, labelled
from defenders.deepjudge.scheme.metrics import neurons
from defenders.deepjudge.scheme.tests import ExposedTests

_KNOWING = ThreatModel(output="weights", data=1, data_labels=True, knows=frozenset({"tests"}))


def exposed_tests(access: Access, kind: Literal["blackbox", "whitebox"]) -> tuple[Examples, str]:
    """Return the exposed tests of a kind, and the layer that white-box tests are for.

    Raises:
        NotComparable: the owner's scheme exposes none of that kind.
    """
    tests = ExposedTests.read(access.exposed())
    images, labels = tests.whitebox_images, tests.whitebox_labels
    if kind == "blackbox":
        images, labels = tests.blackbox_images, tests.blackbox_labels
    if images is None or labels is None:
        raise NotComparable(
            f"expected exposed {kind} tests, found none; play this move against a scheme that "
            "exposes its test cases"
        )
    return Examples(images, labels), tests.layer


class Mixed(Hook):
    """Appends a few of the tests to each batch, drawn anew each time."""

    def __init__(self, tests: Examples, n_each: int) -> None:
        self.tests, self.n_each = tests, n_each

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Move the tests to the device."""
        self.tests, self._generator = self.tests.to(device), rng.torch(device)

    def examples(self, step: int) -> Examples:
        """Return tests drawn with replacement."""
        self.drawn = torch.randint(
            len(self.tests),
            (self.n_each,),
            generator=self._generator,
            device=self._generator.device,
        )
        return self.tests.select(self.drawn)


class Away(Mixed):
    """Also drives what a layer's neurons put out on the tests away from what they did before."""

    def __init__(self, tests: Examples, n_each: int, layer: str, push: Push) -> None:
        super().__init__(tests, n_each)
        self.layers: Sequence[str] = (layer,)
        self.push = push

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Move the outputs to keep away from to the device."""
        super().start(model, rng, device)
        self._before = self.push.before.to(device)

    def loss(self, view: StepView) -> Tensor:
        """Return how far the neurons still are from the wanted distance, 0 once they are there."""
        now = neurons(view.activations[self.layers[0]][view.n_own :].float())
        before = self._before[self.drawn]
        moved = (now - before).abs().mean(1) / before.abs().mean().clamp_min(1e-6)
        return self.push.weight * (self.push.distance - moved).clamp_min(0).mean()


@dataclass(frozen=True)
class Push:
    """Where neurons were on the tests (N, K), how far they shall move, and how much it counts."""

    before: Tensor
    distance: float
    weight: float


@attack("adapt-b")
@dataclass(frozen=True, kw_only=True)
class AdaptBlackbox(FineTune):
    """Fine-tunes on the exposed black-box tests, with their true labels (Adapt-B).

    What: fine-tuning of all layers in which a share of each batch are exposed test cases,
    adversarial examples with the label of the image that each comes from.
    Threat model: weights and architecture, labelled own data, and the exposed test cases; the
    owner's other tests stay unknown.
    Parameters: share (of a batch, in [0, 1)); the rest as for fine-tuning.
    Cost: 0 queries; epochs * ceil(n / batch) optimiser steps.
    Differences to the paper: tests are about a tenth of each batch, which is our choice.
    Reference: Chen et al.: Copy, right? A testing framework, 2022.
    Versions: 1.
    """

    paper: ClassVar[str] = "Chen et al., S&P 2022"
    needs: ClassVar[ThreatModel] = _KNOWING
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients"})

    share: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(f"expected a share of tests between 0 and 1, found {self.share}")

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Fine-tune the current suspect beside the tests."""
        model = access.model()
        examples = labelled(access, model, self.labels)
        hook = self.hook(access, model)
        access.lab.train(model, examples, self.recipe(), rng.child("training"), [hook])
        return Deliverable(model)

    def hook(self, access: Access, model: Model) -> Hook:
        """Return what joins fine-tuning."""
        tests, _ = exposed_tests(access, "blackbox")
        return Mixed(tests, self.n_each)

    @property
    def n_each(self) -> int:
        """How many tests join a batch, so that they are the wanted share of it."""
        return math.ceil(self.batch * self.share / (1 - self.share))


@attack("adapt-w")
@dataclass(frozen=True, kw_only=True)
class AdaptWhitebox(AdaptBlackbox):
    """Fine-tunes while driving hidden outputs on the exposed white-box tests away (Adapt-W).

    What: fine-tuning of all layers in which a share of each batch are exposed tests; the outputs of
    the neurons of the tested layer on them are pushed away from the stolen model's, up to a wanted
    distance, while all images keep their labels.
    Threat model: weights and architecture, labelled own data, the exposed test cases and the layer
    that they test; the owner's other tests stay unknown.
    Parameters: weight (of the push beside the cross-entropy); distance (wanted mean movement of a
    neuron, in multiples of the layer's mean output); share and the rest as for Adapt-B.
    Cost: 0 queries; epochs * ceil(n / batch) optimiser steps.
    Differences to the paper: its loss was not found in a source; this one is our reading of it. The
    distance is bounded, as without a bound the push would destroy the model.
    Reference: Chen et al.: Copy, right? A testing framework, 2022.
    Versions: 1.
    """

    weight: float = 1.0
    distance: float = 1.0

    def hook(self, access: Access, model: Model) -> Hook:
        """Return what joins fine-tuning."""
        tests, layer = exposed_tests(access, "whitebox")
        before = neurons(access.lab.activations(model, tests.images, [layer])[layer])
        return Away(tests, self.n_each, layer, Push(before, self.distance, self.weight))
