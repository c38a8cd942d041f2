"""A thief that poses as an owner: a scheme's own protection, run on what the thief holds."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from arena.game.rules.keys import Key
from arena.game.sides.access import Access
from arena.game.sides.defense import OwnerTask, defenses
from arena.game.sides.deliverable import Claim, Deliverable
from arena.game.sides.needs import NULLS
from arena.game.sides.player import PlayerSpec
from arena.world.data import Dataset
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, Recipe

_N_NOISE = 64  # images of a thief that was granted none
_EXAM = 5  # one own image in so many is held out of the references' training


@dataclass(frozen=True)
class References:
    """The models that a thief calls independent, in the place of an owner's null models.

    Attributes:
        make: makes them, when a scheme asks for them.
        exam: images by which utility is measured; None for the images that are marked.
    """

    make: Callable[[], Sequence[Model]] = tuple
    exam: Dataset | None = None


def needs_to_pose(scheme: PlayerSpec) -> frozenset[str]:
    """Return what a scheme needs of the task; null models are the thief's own affair."""
    return defenses.make(scheme).needs_of_task - {NULLS}


def needs_references(scheme: PlayerSpec) -> bool:
    """Say whether a scheme makes no key without null models: a claimant shows no others."""
    return NULLS in defenses.make(scheme).needs_of_task


def answered(access: Access, model: Model, rng: Rng) -> Dataset:
    """Return the thief's own images, noise where it has none, labelled by a model where it can."""
    own = access.data() if access.grants.data else _noise(model, rng.child("noise"))
    if not model.kind.labels_examples:
        return own
    return replace(own, labels=model.kind.labels(access.lab.logits(model, own.images)))


def _noise(model: Model, rng: Rng) -> Dataset:
    """Return examples of uniform noise, as a model of its kind learns from."""
    card = model.card
    shape = (_N_NOISE, *model.kind.example_shape(card))
    drawn = torch.from_numpy(rng.numpy().integers(0, 256, shape).astype("uint8"))
    classes = card.words or tuple(str(i) for i in range(max(card.n_classes, 2)))
    labels = torch.zeros(_N_NOISE, *(card.output_shape if card.words else ()), dtype=torch.int64)
    return Dataset("noise", drawn, labels, classes)


def posed(
    access: Access,
    base: Model,
    data: Dataset,
    recipe: Recipe,
    rng: Rng,
    references: References = References(),
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
        null_models=references.make,
        exam=references.exam,
        marks_base=True,
    )


def trained_references(
    access: Access, data: Dataset, recipe: Recipe, n: int, rng: Rng
) -> References:
    """Return n models that the thief trains on four fifths of its data, each from its own start.

    They are trained once, when they are first asked for; the other fifth is their exam.
    """
    examined = torch.arange(len(data)) % _EXAM == 0
    own = Examples.of(data.select(~examined))

    @functools.cache
    def make() -> list[Model]:
        models = []
        for i in range(n):
            stream = rng.child("reference", i)
            streams = (stream.child("initial"), stream.child("training"))
            models.append(access.lab.surrogate(access.card, own, recipe, *streams))
        return models

    return References(make, data.select(examined) if n else None)


def claimed(
    access: Access, scheme: PlayerSpec, key: Key, victim: Model, *, commits: bool
) -> Deliverable:
    """Return what the thief has made so far, with a claim on the victim as it is.

    Args:
        access: the thief's.
        scheme: under which the claim is made.
        key: that is shown in court.
        victim: that is claimed.
        commits: whether the key is entered into the register first, bound to the victim.
    """
    if commits:
        access.commit(key.commitment(), victim.digest())
    return replace(access.current(), claim=Claim(scheme, key, victim))
