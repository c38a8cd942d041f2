"""Classifiers: from inputs in [0, 1], images or rows of a table, to one of several classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.errors import DataError, NotComparable, RuleViolation
from arena.world import layers
from arena.world.compute import Compute
from arena.world.data import Dataset
from arena.world.json_values import Json
from arena.world.kinds.interface import Interface, Output
from arena.world.kinds.kind import Exam, Kind, Objective
from arena.world.kinds.registry import kind
from arena.world.models.card import ModelCard
from arena.world.models.model import Model
from arena.world.rng import Rng
from arena.world.training.hooks import StepView
from arena.world.training.recipe import Examples, Recipe

_MAX_CLASSES = 2**16
_DIGITS = 7  # decimal digits of a float32


class Normalise(nn.Module):
    """`(x - mean) / std`; the constants come from the card and are not in the state dict."""

    mean: Tensor
    std: Tensor

    def __init__(self, card: ModelCard) -> None:
        super().__init__()
        ones = [1] * (len(card.input_shape) - 1)
        self.register_buffer("mean", torch.tensor(card.mean).view(-1, *ones), persistent=False)
        self.register_buffer("std", torch.tensor(card.std).view(-1, *ones), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised input, (B, *input_shape)."""
        return (x - self.mean) / self.std


@dataclass(frozen=True, eq=False)
class Accuracy(Exam):
    """The share of test examples whose class is found."""

    inputs: Tensor
    labels: Tensor  # (N,)

    def utility(self, answers: Tensor) -> float:
        """Return the accuracy of probabilities (N, C)."""
        return float(self.each(answers).double().mean())

    def each(self, answers: Tensor) -> Tensor:
        """Return whose class is found (N,)."""
        return answers.argmax(1) == self.labels

    @property
    def floor(self) -> float:
        """Return the accuracy of always answering the most frequent class."""
        return float(torch.bincount(self.labels).max()) / len(self.labels)


@kind("classifier")
class Classifier(Kind):
    """A model that returns logits (B, n_classes)."""

    levels: ClassVar[tuple[Output, ...]] = (
        "nothing",
        "labels",
        "top-k",
        "probabilities",
        "logits",
        "weights",
    )
    served: ClassVar[Output] = "probabilities"
    losses: ClassVar[tuple[str, ...]] = ("cross-entropy", "distillation")
    metric: ClassVar[str] = "accuracy"
    plain_architecture: ClassVar[str] = "mlp"
    labels_examples: ClassVar[bool] = True
    needs_labels: ClassVar[bool] = True

    def problems(self, card: ModelCard) -> list[str]:
        """Check the number of classes and the normalisation."""
        problems = normalisation_problems(card)
        if not 2 <= card.n_classes <= _MAX_CLASSES:
            problems.insert(0, f"n_classes lies in [2, {_MAX_CLASSES:,}], found {card.n_classes}")
        return problems

    def card(self, data: Dataset, architecture: str, arguments: dict[str, Json]) -> ModelCard:
        """Return the card of classifiers of the data, normalised by their statistics."""
        if data.has_captions:
            raise DataError(
                f"expected images with classes for a classifier, found captions in {data.name!r}; "
                "choose another data set or a captioner"
            )
        mean, std = statistics(data)
        return ModelCard(
            architecture=architecture,
            arguments=arguments,
            n_classes=data.n_classes,
            input_shape=data.input_shape,
            mean=mean,
            std=std,
        )

    def sizes(self, card: ModelCard) -> tuple[object, ...]:
        """Return (input_shape, n_classes)."""
        return card.input_shape, card.n_classes

    def output_shape(self, card: ModelCard) -> tuple[int, ...]:
        """Return (n_classes,)."""
        return (card.n_classes,)

    def form_mismatch(self, found: ModelCard, expected: ModelCard) -> str:
        """Compare classes and input shape."""
        if found.n_classes != expected.n_classes:
            return (
                f"expected a model of {expected.n_classes} classes, found {found.n_classes}; "
                "deliver a model for the task"
            )
        if found.input_shape != expected.input_shape:
            return f"expected a model of inputs {expected.input_shape}, found {found.input_shape}"
        return ""

    def preparation(self, card: ModelCard) -> nn.Module:
        """Return the normalisation that the card names."""
        return Normalise(card)

    def head(self, model: Model) -> str:
        """Return the name of the last linear layer that runs."""
        return layers.head(model, model.card.input_shape)

    def objectives(
        self,
        model: Model,
        trained: Sequence[nn.Parameter],
        recipe: Recipe,
        rng: Rng,
        compute: Compute,
    ) -> Sequence[Objective]:
        """Return one objective: cross-entropy, or distillation from rows of logits."""
        name = self.loss_name(recipe)

        def loss(view: StepView) -> Tensor:
            return classification_loss(view.outputs.float(), view.targets, recipe, name)

        return [Objective(trained, loss)]

    def validate(self, model: Model, held_out: Examples, compute: Compute) -> float:
        """Return the accuracy; rows of targets name their largest class."""
        targets = held_out.targets
        classes = targets if targets.dim() == 1 else targets.argmax(1)
        return compute.accuracy(model, held_out.images, classes)

    def reveal(self, answer: Tensor, interface: Interface) -> Tensor:
        """Return what the interface lets out of logits (N, C).

        Labels are int64 (N,); all else is (N, C), with zeros outside the top k, rounded where the
        interface says so. Rounded or cut rows are not made to sum to one again.
        """
        if interface.output == "labels":
            return answer.argmax(1)
        if interface.output == "logits":
            return _rounded(answer, interface.decimals)
        rows = answer.softmax(1)
        if interface.output == "top-k":
            values, index = rows.topk(min(interface.top_k, rows.shape[1]), 1)
            rows = torch.zeros_like(rows).scatter(1, index, values)
        return _rounded(rows, interface.decimals)

    def unserved(self, served: Tensor) -> Tensor:
        """Return logits of probabilities (N, C): their logarithms."""
        return served.clamp_min(torch.finfo(served.dtype).tiny).log()

    def labels(self, outputs: Tensor) -> Tensor:
        """Return the most probable classes (N,)."""
        return outputs.argmax(1)

    def right(self, served: Tensor, inputs: Tensor, labels: Tensor) -> Tensor:
        """Return which classes are the true ones, as `Kind.right` does."""
        n_classes = int(labels.max()) + 1
        if served.shape[1] < n_classes:
            raise NotComparable(
                f"the suspect tells {served.shape[1]} classes apart, the exam has {n_classes}"
            )
        return super().right(served, inputs, labels)

    def bits(self, card: ModelCard, interface: Interface) -> float:
        """Return log2 of the classes for a label, else the digits of the numbers shown."""
        if interface.output == "labels":
            return math.log2(card.n_classes)
        most = interface.top_k if interface.output == "top-k" else card.n_classes
        shown = min(most, card.n_classes)
        digits = interface.decimals if interface.decimals is not None else _DIGITS
        return shown * max(digits * math.log2(10), 1.0)  # 0 or 1 is still one bit

    def admit(self, inputs: Tensor, card: ModelCard, interface: Interface) -> None:
        """Check form and finiteness, and that values lie in [0, 1] unless all are answered."""
        super().admit(inputs, card, interface)
        admit_images(inputs, interface)

    def probes(self, card: ModelCard, n: int, rng: Rng) -> Tensor:
        """Return images of uniform noise."""
        return torch.rand(n, *card.input_shape, generator=rng.torch())

    def exam(self, data: Dataset, card: ModelCard, yardstick: Model | None, rng: Rng) -> Exam:
        """Return the exam of accuracy on the data."""
        return Accuracy(data.images.float() / 255, data.labels)

    def likeness(self, answers: Tensor, others: Tensor) -> float:
        """Return 1 minus the mean distance in variation of probabilities (N, C).

        >>> Classifier().likeness(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.25, 0.75]]))
        0.25
        """
        return 1 - float((answers.double() - others.double()).abs().sum(1).mean()) / 2

    def agreement(self, answers: Tensor, others: Tensor) -> float:
        """Return the share of inputs whose most probable class is the same."""
        return float((answers.argmax(1) == others.argmax(1)).double().mean())


def normalisation_problems(card: ModelCard) -> list[str]:
    """Return what is wrong with the mean and the deviation that a card divides inputs by."""
    problems, n_channels = [], card.input_shape[0]
    for name, values in (("mean", card.mean), ("std", card.std)):
        if len(values) not in (1, n_channels) or not all(map(math.isfinite, values)):
            problems.append(f"{name} holds 1 or {n_channels} finite numbers, found {values}")
    if any(value <= 0 for value in card.std):
        problems.append(f"std is above 0, found {card.std}")
    return problems


def admit_images(inputs: Tensor, interface: Interface) -> None:
    """Check that inputs are pixels: uint8, or floats in [0, 1] unless all floats are answered.

    Raises:
        RuleViolation: they are none.
    """
    if not inputs.is_floating_point() and inputs.dtype != torch.uint8:
        raise RuleViolation(f"expected inputs of uint8 or floats, found {inputs.dtype}")
    if not inputs.is_floating_point() or interface.real_inputs:
        return
    if float(inputs.min()) < 0 or float(inputs.max()) > 1:
        raise RuleViolation("expected inputs in [0, 1]; the threat model grants no real inputs")


def classification_loss(logits: Tensor, targets: Tensor, recipe: Recipe, name: str) -> Tensor:
    """Return the mean loss of logits (B, C).

    Args:
        logits: (B, C).
        targets: classes (B,) or rows (B, C), which are logits for distillation.
        recipe: temperature and label smoothing.
        name: "cross-entropy" or "distillation".

    Source: Hinton, Vinyals and Dean 2015 (distillation, scaled by the square of the temperature).
    """
    if name == "distillation":
        t = recipe.temperature
        wanted = (targets / t).log_softmax(1)
        given = (logits / t).log_softmax(1)
        return t * t * F.kl_div(given, wanted, reduction="batchmean", log_target=True)
    return F.cross_entropy(logits, targets, label_smoothing=recipe.label_smoothing)


def normalisation(model: Model) -> Normalise:
    """Return what a classifier does to its input first.

    Raises:
        NotComparable: the model is no classifier.
    """
    if not isinstance(model.normalise, Normalise):
        raise NotComparable(f"expected a classifier, found a {model.card.kind}")
    return model.normalise


def statistics(data: Dataset) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel (of each feature for rows) in [0, 1]."""
    values = data.images.double() / 255
    axes = (0, 2, 3) if values.dim() == 4 else (0,)
    mean, std = values.mean(axes), values.std(axes, correction=0).clamp_min(1e-3)
    return tuple(round(float(m), 6) for m in mean), tuple(round(float(s), 6) for s in std)


def _rounded(rows: Tensor, decimals: int | None) -> Tensor:
    return rows if decimals is None else rows.round(decimals=decimals)
