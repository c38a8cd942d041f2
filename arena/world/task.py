"""A task: data and its splits, the architecture, the recipe, and how utility is measured."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from arena.world.compute import Compute, Precision
from arena.world.data import Dataset, has_captions, input_shape, load
from arena.world.data.sources.texts import ROW
from arena.world.json_values import Frozen, Json
from arena.world.kinds.kind import Exam, Kind
from arena.world.kinds.registry import find
from arena.world.models import Model, ModelCard, build, pretrained
from arena.world.models.registry import kind_of
from arena.world.rng import Rng
from arena.world.splits import Shares, Splits, split
from arena.world.training import Recipe


class TaskTable(Frozen):
    """What is stolen and defended, by name: a scenario's `[task]`."""

    data: str = "digits"
    model: str = "cnn8"
    arguments: dict[str, Json] = Field(default_factory=dict)
    recipe: Recipe = Recipe(epochs=30)
    shares: Shares = Shares()


class TaskSpec(TaskTable):
    """The same on a device and with a seed; part of every artefact's recipe."""

    seed: int = 0  # of the splits
    device: Literal["cpu", "cuda"] = "cpu"
    precision: Precision = "float32"

    def compute(self) -> Compute:
        """Return the compute layer that this task runs on."""
        return Compute(self.device, self.precision)

    def kind(self) -> Kind:
        """Return what the models of this task do: what their architecture is for."""
        return find(kind_of(self.model))

    def identity(self) -> dict[str, Json]:
        """Return the fields, with what a pretrained model's name stands for in its place."""
        named = self.model
        model = f"{named}@{pretrained.read(named).digest}" if pretrained.is_named(named) else named
        return self.plain() | {"model": model}


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
    def kind(self) -> Kind:
        """Return what the models of this task do."""
        return find(self.card.kind)

    def exam(self, yardstick: Model | None = None, data: Dataset | None = None) -> Exam:
        """Return how models are measured: on the test split, or on other data of the same form.

        Args:
            yardstick: the model of the referee's own that the kind measures with, if it does.
            data: replaces the test split.
        """
        rng = Rng(self.spec.seed).child("exam")
        return self.kind.exam(data or self.splits.test, self.card, yardstick, rng)

    def card_of(self, data: Dataset) -> ModelCard:
        """Return the card of this task's architecture for other data."""
        return self.kind.card(data, self.spec.model, self.spec.arguments)

    def started(self, card: ModelCard, rng: Rng) -> Model:
        """Return the model that training begins with: of random weights, or the pretrained one.

        A pretrained model is public: whoever builds one like it for this task begins with it.
        """
        if pretrained.is_named(self.spec.model) and card == self.card:
            return pretrained.read(self.spec.model).model(card)
        return build(card, rng)

    def serve(self, model: Model, inputs: Tensor) -> Tensor:
        """Return what a bare model answers to the referee."""
        return model.kind.serve(model, inputs, self.compute, Rng(self.spec.seed).child("serve"))

    def card_for(self, architecture: str, arguments: dict[str, Json] | None = None) -> ModelCard:
        """Return the card of another architecture for what goes in and comes out of this one."""
        fields = {"architecture": architecture, "arguments": arguments or {}}
        return self.card.model_copy(update=fields)


@functools.lru_cache(maxsize=8)
def _loaded(spec_json: str, cache: Path | None) -> Task:
    spec = TaskSpec.model_validate_json(spec_json)
    source = spec.kind().read(load(spec.data, seed=spec.seed, cache=cache), spec.model)
    splits = split(source, spec.shares, Rng(spec.seed).child("splits"))
    card = spec.kind().card(source.train, spec.model, spec.arguments)
    return Task(spec, splits, card)


def outline(spec: TaskSpec) -> ModelCard:
    """Return the card of a task's models before its data are loaded.

    It tells what can be built: two blank examples of two classes, or with captions of one word,
    stand for the data.

    Raises:
        DataError: there are no such data. ModelError: the card is not valid.
    """
    blank = torch.zeros(2, *input_shape(spec.data), dtype=torch.uint8)
    labels = torch.arange(2)[:, None] if has_captions(spec.data) else torch.arange(2)
    data = Dataset(spec.data, blank, labels, ("0", "1"))
    return spec.kind().card(data, spec.model, spec.arguments)


def plain_model(data: str) -> str:
    """Return an architecture for any data of this form: with it they are read before their model.

    Raises:
        DataError: there are no such data.
    """
    if has_captions(data):
        return "attend-lstm"
    return "gpt" if input_shape(data) == (ROW,) else "softmax"


def load_task(spec: TaskSpec, cache: Path | None = None) -> Task:
    """Load the data and split it; the same task is loaded once a process.

    Raises:
        DataError: the data cannot be had.
    """
    return _loaded(spec.model_dump_json(), cache)
