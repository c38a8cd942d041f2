"""A task: data and its splits, the architecture, the recipe, and how utility is measured."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field

from arena.world.compute import Compute, Precision
from arena.world.data import Dataset, input_shape, load
from arena.world.json_values import Frozen, Json
from arena.world.models import ModelCard
from arena.world.rng import Rng
from arena.world.splits import Shares, Splits, split
from arena.world.training import Recipe


class TaskSpec(Frozen):
    """What is stolen and defended, by name; part of every artefact's recipe."""

    data: str = "digits"
    model: str = "cnn8"
    arguments: dict[str, Json] = Field(default_factory=dict)
    recipe: Recipe = Recipe()
    shares: Shares = Shares()
    seed: int = 0  # of the splits
    device: Literal["cpu", "cuda"] = "cpu"
    precision: Precision = "float32"

    def compute(self) -> Compute:
        """Return the compute layer that this task runs on."""
        return Compute(self.device, self.precision)


@dataclass(frozen=True)
class Task:
    """A loaded task."""

    spec: TaskSpec
    splits: Splits
    card: ModelCard

    @property
    def compute(self) -> Compute:
        """Return the compute layer that this task runs on."""
        return self.spec.compute()

    @property
    def chance(self) -> float:
        """Return the accuracy in [0, 1] of always answering the most frequent test class."""
        test = self.splits.test
        return float(torch.bincount(test.labels).max()) / len(test)

    def card_for(self, architecture: str, arguments: dict[str, Json] | None = None) -> ModelCard:
        """Return the card of another architecture for the same input and classes."""
        fields = {"architecture": architecture, "arguments": arguments or {}}
        return self.card.model_copy(update=fields)


@functools.lru_cache(maxsize=8)
def _loaded(spec_json: str, cache: Path | None) -> Task:
    spec = TaskSpec.model_validate_json(spec_json)
    source = load(spec.data, seed=spec.seed, cache=cache)
    splits = split(source, spec.shares, Rng(spec.seed).child("splits"))
    mean, std = statistics(source.train)
    card = ModelCard(
        architecture=spec.model,
        arguments=spec.arguments,
        n_classes=source.train.n_classes,
        input_shape=source.train.input_shape,
        mean=mean,
        std=std,
    )
    return Task(spec, splits, card)


def outline(spec: TaskSpec) -> ModelCard:
    """Return the card of a task's models before its data are loaded.

    It tells what can be built: its statistics are none, and two classes stand for any number.

    Raises:
        DataError: there are no such data. ModelError: the card is not valid.
    """
    return ModelCard(
        architecture=spec.model,
        arguments=spec.arguments,
        n_classes=2,
        input_shape=input_shape(spec.data),
        mean=(0.0,),
        std=(1.0,),
    )


def load_task(spec: TaskSpec, cache: Path | None = None) -> Task:
    """Load the data and split it; the same task is loaded once a process.

    Raises:
        DataError: the data cannot be had.
    """
    return _loaded(spec.model_dump_json(), cache)


def statistics(data: Dataset) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each channel (of each feature for rows) in [0, 1]."""
    values = data.images.double() / 255
    axes = (0, 2, 3) if values.dim() == 4 else (0,)
    mean, std = values.mean(axes), values.std(axes, correction=0).clamp_min(1e-3)
    return tuple(round(float(m), 6) for m in mean), tuple(round(float(s), 6) for s in std)
