"""RemovalNet: features and answers move away from the victim's while the classes stay."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from arena.errors import PlayerError
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world import layers
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, Hook, Meter, Recipe, StepView

_MIXES = torch.arange(0.2, 1.0, 0.05)  # shares of an answer that are kept, the least first


def mixed_away(rows: Tensor) -> Tensor:
    """Return probabilities (B, C), each mixed with the farthest other row, and of the same class.

    Of each row as little is kept as leaves its class the first one. Source: Yao et al., 2023.

    >>> mixed_away(torch.tensor([[0.9, 0.1], [0.2, 0.8]])).argmax(1).tolist()
    [0, 1]
    """
    far = rows[torch.cdist(rows, rows).argmax(1)]
    mixes = _MIXES.to(rows)[:, None, None]
    found = mixes * rows + (1 - mixes) * far  # (M, B, C), the farthest first
    same = found.argmax(2) == rows.argmax(1)
    first = same.double().argmax(0)
    chosen = found[first, torch.arange(len(rows))]
    return torch.where(same.any(0)[:, None], chosen, rows)


@dataclass(frozen=True)
class Push:
    """How features are pushed: the weights of both terms, and the inner search.

    Attributes:
        layer: whose output is moved. beta: weight of the features, alpha: of the answers.
        temperature: of the answers. n_steps, lr: of signed steps on the features.
    """

    layer: str
    beta: float
    alpha: float
    temperature: float
    n_steps: int
    lr: float


class Removal(Hook):
    """Draws features to others that the rest of the model reads as the same classes."""

    def __init__(self, how: Push, meter: Meter) -> None:
        self.how, self.meter, self.layers = how, meter, [how.layer]

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Remember where random features are drawn from."""
        self._generator = rng.torch()

    def moved(self, model: nn.Module, inputs: Tensor, classes: Tensor, features: Tensor) -> Tensor:
        """Return features as far as can be from these that the model still reads as the classes.

        Args:
            model: in eval mode.
            inputs: (B, *input_shape).
            classes: (B,).
            features: of the layer, (B, ...).
        """
        noise = torch.rand(features.shape, generator=self._generator)
        points = noise.exp().sub(1).to(features)
        module = model.get_submodule(self.how.layer)
        for _ in range(self.how.n_steps):
            points = points.detach().requires_grad_(True)
            with replaced(module, points):
                logits = model(inputs)
            self.meter.charge({"images_forward": len(inputs), "images_backward": len(inputs)})
            wrong = logits.argmax(1) != classes
            distance = (points - features).flatten(1).norm(dim=1)
            loss = F.cross_entropy(logits, classes, reduction="none") * wrong
            (gradient,) = torch.autograd.grad((loss - distance.log()).sum(), points)
            points = points - self.how.lr * gradient.sign()
        return points.detach()

    def loss(self, view: StepView) -> Tensor:
        """Return how far features and answers are from what they are to become."""
        features, model = view.activations[self.how.layer], view.model
        training = model.training
        model.eval()
        targets = self.moved(model, view.inputs, view.targets, features.detach())
        model.train(training)
        wanted = mixed_away(view.outputs.detach().softmax(1))
        t = self.how.temperature
        soft = (wanted.clamp_min(1e-7).log() / t).softmax(1)
        kept = F.kl_div((view.outputs / t).log_softmax(1), soft, reduction="batchmean")
        return self.how.beta * F.mse_loss(features, targets) + self.how.alpha * t * t * kept


@contextlib.contextmanager
def replaced(module: nn.Module, output: Tensor) -> Iterator[None]:
    """Let a module put out something else while the context is open."""
    handle = module.register_forward_hook(lambda *_: output)
    try:
        yield
    finally:
        handle.remove()


@attack("removalnet")
@dataclass(frozen=True, kw_only=True)
class RemovalNet(Attack):
    """Moves features and answers of the stolen model away from the victim's (RemovalNet).

    What: for each batch the features of a late layer are searched that lie far from the present
    ones and are still read as the same classes, and each answer is mixed with the least similar one
    of the batch as far as its class stays; the model is trained towards both, and to keep the
    classes. What a fingerprint compares moves, what the model is good for stays.
    Threat model: weights, a few unlabelled own images, which the stolen model labels; no queries,
    no key.
    Parameters: n_images (of the own ones, at most); n_steps (of training); lr of Adam; batch
    (images); beta and alpha (weights of features and answers beside the classes' cross-entropy);
    temperature (of the answers); inner_steps and inner_lr (of the search for features); layer (by
    name; "" is the last hidden activation).
    Cost: n_steps optimiser steps, and inner_steps passes of each batch besides.
    Differences to the paper: one fixed layer; Adam in place of SGD; the numbers of steps and all
    weights are ours, for small models (the paper takes 1,000 iterations).
    Reference: Yao, Li, Huang, Weng, Jiang, Ren: RemovalNet: DNN fingerprint removal attacks, 2023;
    400 images after the paper.
    Versions: 1.
    """

    paper: ClassVar[str] = "Yao et al., TDSC 2023"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", data=1)
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes", "gradients", "hidden"})
    dial: ClassVar[Dial] = Dial("beta", 0.01, 10.0, "log")
    quick = MappingProxyType({"n_steps": 10, "inner_steps": 3})

    n_images: Annotated[int, Field(ge=1)] = 400
    n_steps: int = 200
    lr: float = 1e-3
    batch: int = 64
    beta: Annotated[float, Field(ge=0)] = 1.0
    alpha: Annotated[float, Field(ge=0)] = 0.5
    temperature: Annotated[float, Field(gt=0)] = 2.0
    inner_steps: int = 10
    inner_lr: float = 0.1
    layer: str = ""

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Train the current suspect away from itself.

        Raises:
            PlayerError: the model has no such layer.
        """
        model, images = access.model(), access.data().images
        order = torch.randperm(len(images), generator=rng.child("draw").torch())
        images = images[order[: self.n_images]]
        examples = Examples(images, access.lab.labels(model, images))
        push = Push(
            self._layer(model),
            self.beta,
            self.alpha,
            self.temperature,
            self.inner_steps,
            self.inner_lr,
        )
        recipe = Recipe(lr=self.lr, steps=self.n_steps, batch=self.batch)
        hook = Removal(push, access.lab.meter)
        access.lab.train(model, examples, recipe, rng.child("training"), [hook])
        return Deliverable(model)

    def _layer(self, model: Model) -> str:
        names = layers.activations(model, model.card.input_shape)
        known = [name for name, _ in layers.executed(model, model.card.input_shape)]
        if self.layer and self.layer not in known:
            raise PlayerError(
                f"expected the name of a layer, found {self.layer!r}; try one of {', '.join(known)}"
            )
        if not self.layer and not names:
            raise PlayerError("expected a model with a hidden layer, found none; name a layer")
        return self.layer or names[-1]
