"""A person's own `nn.Module` as a model of the arena, and its data as a task."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from arena.errors import DataError, ModelError
from arena.runs.protect.module_form import form_of
from arena.world.data import Dataset, load
from arena.world.data.dataset import Source
from arena.world.data.stratify import stratified
from arena.world.models import Model, ModelCard, architecture, architectures
from arena.world.rng import Rng
from arena.world.splits import Shares, split
from arena.world.task import Task, TaskSpec

OwnData = str | Source | Dataset | tuple[Tensor, Tensor]
"""Data by name, a train and a test part, one part, or images (N, C, H, W) with labels (N,)."""

_TRAIN, _TEST = 0.8, 0.2


def source_of(data: OwnData, seed: int = 0) -> Source:
    """Return a person's data as a source; what has no test part gets one.

    Images are uint8, or floats in [0, 1], which are kept to 1/255.

    Raises:
        DataError: they are neither, or have no such form.
    """
    if isinstance(data, str):
        return load(data, seed=seed)
    if isinstance(data, Source):
        return data
    whole = data if isinstance(data, Dataset) else _dataset(*data)
    train, test = stratified(whole, (_TRAIN, _TEST), Rng(seed).child("data", "test part"))
    return Source(whole.select(train), whole.select(test))


def _dataset(images: Tensor, labels: Tensor) -> Dataset:
    if images.is_floating_point():
        if not len(images) or not 0 <= float(images.min()) <= float(images.max()) <= 1:
            raise DataError(
                "expected images as uint8, or as floats in [0, 1] before any normalisation, found "
                "others; undo the normalisation, and give mean and std instead"
            )
        images = (images * 255).round().to(torch.uint8)
    names = tuple(str(i) for i in range(int(labels.max()) + 1))
    return Dataset("own", images.cpu(), labels.cpu().long(), names)


def model_of(
    module: nn.Module, data: Dataset, mean: Sequence[float] = (0.0,), std: Sequence[float] = (1.0,)
) -> Model:
    """Return a copy of a module as a classifier of the arena; the module is not touched.

    Args:
        module: from normalised images (B, *input_shape) to logits (B, n_classes).
        data: what it classifies.
        mean: subtracted from images in [0, 1] before the module sees them.
        std: divides them afterwards.

    Raises:
        ModelError: it does not take the data's images, or returns something else.
    """
    card = ModelCard(
        architecture=register(module),
        input_shape=data.input_shape,
        n_classes=data.n_classes,
        mean=tuple(mean),
        std=tuple(std),
    )
    model = Model(card, copy.deepcopy(module).cpu().float()).eval()
    _check(model)
    return model


@torch.no_grad()
def _check(model: Model) -> None:
    card, name = model.card, type(model.body).__name__
    try:
        found = model(model.kind.blank(card))
    except Exception as error:  # a person's code can raise anything
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise ModelError(
            f"expected {name} to take images of (1, {', '.join(map(str, card.input_shape))}), "
            f"found that it raises ({reason}); check the data"
        ) from error
    shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
    if shape != (1, card.n_classes):
        raise ModelError(
            f"expected logits of (1, {card.n_classes}) from {name}, found {shape}; check the "
            "classes of the data"
        )


def register(module: nn.Module) -> str:
    """Return the architecture that a module is, under a name that tells its layers and its code.

    Independent models of it are built from a copy whose weights are drawn again.
    """
    name = f"{type(module).__name__}@{form_of(module)[:8]}"
    if name not in architectures():
        template = copy.deepcopy(module).cpu().float()

        @architecture(name)
        def build(shape: tuple[int, ...], n_classes: int) -> nn.Module:
            """A person's own network, with fresh weights."""
            return fresh(template)

    return name


def fresh(template: nn.Module) -> nn.Module:
    """Return a copy with weights drawn again: as its layers do, else normal with their spread."""
    made = copy.deepcopy(template)
    for part in made.modules():
        reset = getattr(part, "reset_parameters", None)
        if callable(reset):
            reset()
            continue
        for parameter in part.parameters(recurse=False):
            values = parameter.detach()
            spread = float(values.std()) if values.numel() > 1 else 0.0
            nn.init.normal_(parameter, float(values.mean()), spread)
    return made


def task_of_own(source: Source, card: ModelCard, seed: int = 0) -> Task:
    """Return the task of a person's own model on its own data."""
    spec = TaskSpec(data=source.train.name, model=card.architecture, seed=seed)
    return Task(spec, split(source, Shares(), Rng(seed).child("splits")), card)
