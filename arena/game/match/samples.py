"""Pictures for the report: what models of a task make of the same inputs."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from arena.world.bundle import Bundle
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task

N_SAMPLES = 12
"""Pictures of each model."""


def samples(task: Task, models: Mapping[str, Model], triggers: Tensor | None) -> Bundle:
    """Return pictures (N, C, H, W), uint8, by who made them; none where the kind draws nothing.

    Args:
        task: what the models are of.
        models: by what they are called.
        triggers: inputs (K, *input_shape) that bring out the owner's mark, if any do.
    """
    if not task.kind.draws:
        return Bundle()
    plain = task.kind.probes(task.card, N_SAMPLES, Rng(task.spec.seed).child("samples"))
    asked = {"": plain}
    if triggers is not None:
        asked[", triggered"] = triggers[:N_SAMPLES]
    made = {
        f"{name}{how}": task.serve(model, inputs)
        for name, model in models.items()
        for how, inputs in asked.items()
    }
    return Bundle({}, {name: (image * 255).round().byte() for name, image in made.items()})
