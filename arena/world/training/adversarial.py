"""Adversarial examples of a classifier, by torchattacks or, where it is missing, by ART.

Both are asked for the same: the descent, its radius and its steps; where an attack draws a random
start, it draws from torch's global generator, which the caller lends a stream (`global_rng.lent`).
torchattacks (extra `torchattacks`) is taken where it imports.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Fgsm:
    """One step of `eps` along the sign of the gradient. Source: Goodfellow et al., ICLR 2015."""

    eps: float


@dataclass(frozen=True)
class Pgd:
    """Steps along the sign of the gradient inside a box. Source: Madry et al., ICLR 2018.

    Attributes:
        eps: radius of the box around the image, in pixel values of [0, 1].
        step: of one iteration, at most `eps`. n_steps: iterations.
        random_start: begin anywhere in the box, else at the image.
    """

    eps: float
    step: float
    n_steps: int
    random_start: bool = True


@dataclass(frozen=True)
class CarliniWagner:
    """The least change (L2) that is wrong by a confidence. Source: Carlini and Wagner, S&P 2017.

    Attributes:
        confidence: by how much the wrong logit leads.
        weight: of misclassification against distance.
        lr: of Adam. n_steps: its steps.
    """

    confidence: float
    weight: float
    lr: float
    n_steps: int


Crafting = Fgsm | Pgd | CarliniWagner


def craft(view: nn.Module, images: Tensor, labels: Tensor, how: Crafting) -> Tensor:
    """Return images moved for a model to misclassify, (N, *shape) in [0, 1], on their device.

    Args:
        view: the model as a toolbox may call it (`Compute.frozen`): images in [0, 1] -> logits.
        images: floats in [0, 1], (N, *shape), on the model's device.
        labels: the true classes, (N,), there too.
        how: the attack.
    """
    toolbox = _torchattacks()
    if toolbox is None:
        return _by_art(view, images, labels, how)
    moved: Tensor = _of_torchattacks(toolbox, view, labels, how)(images, labels)
    return moved.detach()


def _torchattacks() -> ModuleType | None:
    try:
        import torchattacks  # seconds, for the statistics that some of its attacks draw from
    except ImportError:
        return None
    found: ModuleType = torchattacks
    return found


def _of_torchattacks(
    toolbox: ModuleType, view: nn.Module, labels: Tensor, how: Crafting
) -> Callable[[Tensor, Tensor], Tensor]:
    attack: Callable[[Tensor, Tensor], Tensor]
    if isinstance(how, Fgsm):
        attack = toolbox.FGSM(view, eps=how.eps)
    elif isinstance(how, Pgd):
        attack = toolbox.PGD(view, how.eps, how.step, how.n_steps, how.random_start)
    else:
        ahead = Ahead(view, labels, how.confidence)
        attack = toolbox.CW(ahead, c=how.weight, kappa=0, steps=how.n_steps, lr=how.lr)
    return attack


class Ahead(nn.Module):
    """A model whose true logits are `lead` ahead: what it gets wrong, is wrong by the lead.

    torchattacks' CW keeps the nearest image that is wrong at all, whatever its confidence is; on
    this view that image is wrong by the confidence. It also takes a logit of 0 for the largest of
    those below, so each row is shifted to begin at 1, which changes no probability.
    """

    def __init__(self, view: nn.Module, labels: Tensor, lead: float) -> None:
        super().__init__()
        self.view, self.labels, self.lead = view, labels, lead

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (N, C) of the images (N, *shape) whose labels (N,) were given."""
        logits: Tensor = self.view(images)
        shifted = logits - logits.detach().amin(1, keepdim=True) + 1
        return shifted + self.lead * F.one_hot(self.labels, logits.shape[1])


def _by_art(view: nn.Module, images: Tensor, labels: Tensor, how: Crafting) -> Tensor:
    from art.estimators.classification import PyTorchClassifier

    with torch.no_grad():
        n_classes = view(images[:1]).shape[1]
    classifier = PyTorchClassifier(
        model=view,
        loss=nn.CrossEntropyLoss(),
        input_shape=tuple(images.shape[1:]),
        nb_classes=n_classes,
        clip_values=(0.0, 1.0),
        device_type="gpu" if images.is_cuda else "cpu",
    )
    rows = F.one_hot(labels, n_classes).float().cpu().numpy()
    with _numpy_from_torch():
        moved = _of_art(classifier, how, len(images)).generate(images.cpu().numpy(), rows)
    return torch.from_numpy(moved).to(images)


def _of_art(classifier: Any, how: Crafting, n_images: int) -> Any:
    from art.attacks import evasion

    if isinstance(how, Fgsm):
        return evasion.FastGradientMethod(classifier, eps=how.eps, batch_size=n_images)
    if isinstance(how, Pgd):
        return evasion.ProjectedGradientDescentPyTorch(
            classifier,
            eps=how.eps,
            eps_step=min(how.step, how.eps),
            max_iter=how.n_steps,
            num_random_init=int(how.random_start),
            batch_size=n_images,
            verbose=False,
        )
    return evasion.CarliniL2Method(
        classifier,
        confidence=how.confidence,
        learning_rate=how.lr,
        binary_search_steps=1,
        max_iter=how.n_steps,
        initial_const=how.weight,
        batch_size=n_images,
        verbose=False,
    )


@contextlib.contextmanager
def _numpy_from_torch() -> Iterator[None]:
    """Let what draws from NumPy's global generator follow from torch's; the first is put back."""
    before = np.random.get_state()
    seed = int(torch.randint(2**31, ()))
    np.random.set_state(np.random.RandomState(seed).get_state())
    try:
        yield
    finally:
        np.random.set_state(before)
