"""Wrappers that hold models of the thief's own beside the one that they stand before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from arena.game.serving.wrapper import Wrapper
from arena.world.bundle import Bundle
from arena.world.json_values import Json
from arena.world.models import Model, pack, unpack


@dataclass(frozen=True, kw_only=True)
class Holding(Wrapper):
    """Base class of wrappers that hold models of one card.

    Fields: `card`, of each model; `tensors`, theirs, named `number/name`.
    """

    paper: ClassVar[str] = "Hitaj and Mancini, 2018"

    card: Mapping[str, Json] = field(default_factory=dict, repr=False)

    def answers(self, inputs: Tensor) -> list[Tensor]:
        """Return the probabilities (N, C) that each model gives."""
        held = Bundle(tensors=self.tensors)
        numbers = sorted({int(name.partition("/")[0]) for name in self.tensors})
        with torch.no_grad():
            return [
                unpack(Bundle({"card": self.card}, held.prefixed(str(i))))(inputs).softmax(1)
                for i in numbers
            ]


def tensors_of(models: Sequence[Model]) -> dict[str, Tensor]:
    """Return the tensors by which a `Holding` holds models."""
    return {
        f"{i}/{name}": tensor
        for i, model in enumerate(models)
        for name, tensor in pack(model).tensors.items()
    }
