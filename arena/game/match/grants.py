"""Whose data is whose: what a thief is granted, and what the referee's models learn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from arena.game.match.steps.step_cache import Setting
from arena.game.rules.innocents import Half
from arena.game.rules.threat import ThreatModel
from arena.world.data import Dataset, load, resized
from arena.world.models import ModelCard
from arena.world.rng import Rng
from arena.world.task import Task


def granted(data: Dataset, share: float, rng: Rng) -> Dataset | None:
    """Return the seeded part of the thief's split that a threat model grants; None for nothing."""
    if share == 0:
        return None
    n = max(1, round(len(data) * share))
    order = rng.numpy().permutation(len(data))[:n]
    return data.select(torch.from_numpy(np.sort(order)))


def foreign(name: str, part: str, task: Task, setting: Setting) -> Dataset | None:
    """Return a part of another data set, in the shape of the task's inputs; None without a name."""
    if not name:
        return None
    source = task.kind.read(load(name, cache=setting.cache), task.spec.model)
    return resized(source.train if part == "train" else source.test, task.splits.test.input_shape)


def own_card(task: Task, grants: ThreatModel) -> ModelCard:
    """Return the card of what a thief builds: the victim's, or what it builds not knowing that."""
    if grants.knows_architecture:
        return task.card
    return task.card_for(grants.own_architecture or task.kind.plain_architecture)


def training_data(task: Task, half: Half) -> Dataset:
    """Return what an independent model learns from."""
    data: Dataset = other_source(task) if half == "foreign" else getattr(task.splits, half)
    return data


def other_source(task: Task) -> Dataset:
    """Return data of the task's form from another source, as many examples as the other half.

    Images are drawn by formulas (the data set "shapes"; digits where that is the task's own), with
    as many of their classes as the task has. Where no other source has the form, as for tables, the
    other half stands in with its features in reverse order and its classes moved on by one.
    """
    own, n_classes = task.splits.other, task.splits.other.n_classes
    if len(own.input_shape) != 3:
        moved = (own.labels + 1) % n_classes
        return replace(own, name=f"{own.name}, reversed", images=own.images.flip(1), labels=moved)
    train = load("digits" if own.name.startswith("shapes") else "shapes").train
    fits = (train.labels < n_classes).nonzero().flatten()
    order = Rng(task.spec.seed).child("other source").numpy().permutation(len(fits))[: len(own)]
    chosen = train.select(fits[torch.from_numpy(order)])
    return replace(resized(chosen, own.input_shape), classes=own.classes)
