"""A thief that poses as an owner: a scheme's own protection, run on what the thief holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from arena.game.sides.access import Access
from arena.game.sides.defense import OwnerTask, defenses
from arena.game.sides.needs import NULLS
from arena.game.sides.player import PlayerSpec
from arena.world.data import Dataset
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, Recipe

References = Callable[[], Sequence[Model]]
"""Makes the models that the thief calls independent, when a scheme asks for them."""

_N_NOISE = 64  # images of a thief that was granted none


def needs_to_pose(scheme: PlayerSpec) -> frozenset[str]:
    """Return what a scheme needs of the task; null models are the thief's own affair."""
    return defenses.make(scheme).needs_of_task - {NULLS}


def answered(access: Access, model: Model, rng: Rng) -> Dataset:
    """Return the thief's own images, noise where it has none, with the model's answers."""
    if access.grants.data:
        own = access.data()
    else:
        shape = (_N_NOISE, *model.card.input_shape)
        drawn = torch.from_numpy(rng.child("noise").numpy().integers(0, 256, shape).astype("uint8"))
        classes = tuple(str(i) for i in range(model.card.n_classes))
        own = Dataset("noise", drawn, torch.zeros(_N_NOISE, dtype=torch.int64), classes)
    return replace(own, labels=access.lab.labels(model, own.images))


def posed(
    access: Access,
    base: Model,
    data: Dataset,
    recipe: Recipe,
    rng: Rng,
    references: References = tuple,
) -> OwnerTask:
    """Return the thief's side dressed as an owner's, who marks a finished model.

    Args:
        access: whose laboratory works, on the meter.
        base: the model that is marked; a recipe of no epochs leaves it as it is.
        data: training images, and held-out ones as well.
        recipe: of the marking.
        rng: of the marking.
        references: what stands for null models.
    """
    return OwnerTask(
        data=data,
        probe=data,
        card=base.card,
        recipe=recipe,
        lab=access.lab,
        train_rng=rng,
        unprotected=base,
        null_models=references,
        marks_base=True,
    )


def trained_references(
    access: Access, data: Dataset, recipe: Recipe, n: int, rng: Rng
) -> list[Model]:
    """Return n models that the thief trains on data of its own, each from its own start."""
    models = []
    for i in range(n):
        stream = rng.child("reference", i)
        streams = (stream.child("initial"), stream.child("training"))
        models.append(access.lab.surrogate(access.card, Examples.of(data), recipe, *streams))
    return models
