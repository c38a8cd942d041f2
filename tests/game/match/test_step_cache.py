"""What a memo hands to the steps that others read."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from arena.game.match.steps.step_cache import Inputs, MemoryMemo, Parts, Setting, Step, resolve
from arena.world.bundle import Bundle
from arena.world.json_values import Json


@dataclass(frozen=True)
class Ones(Step):
    """Makes a tensor of ones."""

    @property
    def title(self) -> str:
        return "ones"

    def parents(self) -> tuple[Step, ...]:
        return ()

    def recipe(self) -> dict[str, Json]:
        return {}

    def compute(self, inputs: Inputs, setting: Setting) -> Parts:
        return {"made": Bundle({"words": ["one"]}, {"x": torch.ones(3)})}


@dataclass(frozen=True)
class Vandal(Step):
    """Reads the tensor of ones, and writes on what it read."""

    @property
    def title(self) -> str:
        return "vandal"

    def parents(self) -> tuple[Step, ...]:
        return (Ones(),)

    def recipe(self) -> dict[str, Json]:
        return {}

    def compute(self, inputs: Inputs, setting: Setting) -> Parts:
        read = inputs(Ones(), "made")
        read.tensors["x"].zero_()
        words = read.data["words"]
        words.append("two")
        return {"made": Bundle({"words": words}, {"x": read.tensors["x"]})}


def test_a_step_that_writes_on_what_it_reads_spoils_it_for_nobody() -> None:
    memo = MemoryMemo()
    assert resolve(Vandal(), "made", memo, Setting()).tensors["x"].tolist() == [0.0] * 3
    kept = resolve(Ones(), "made", memo, Setting())
    assert kept.tensors["x"].tolist() == [1.0] * 3
    assert kept.data == {"words": ["one"]}
