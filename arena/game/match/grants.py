"""What a threat model grants a thief of data."""

from __future__ import annotations

import numpy as np
import torch

from arena.game.match.step_cache import Setting
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
    source = load(name, cache=setting.cache)
    return resized(source.train if part == "train" else source.test, task.splits.test.input_shape)


def own_card(task: Task, grants: ThreatModel) -> ModelCard:
    """Return the card of what a thief builds: the victim's, or what it builds not knowing that."""
    if grants.knows_architecture:
        return task.card
    return task.card_for(grants.own_architecture or task.kind.plain_architecture)
