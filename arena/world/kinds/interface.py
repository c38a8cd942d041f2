"""Interfaces: how much of a model's answer is let out, and of which inputs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from arena.world.bounds import COUNT, DECIMALS
from arena.world.json_values import Frozen

Output = Literal["nothing", "outputs", "labels", "top-k", "probabilities", "logits", "weights"]
"""What is let out: "outputs" is what a model makes (an image, a caption, a text)."""

LEVELS: tuple[Output, ...] = (
    "nothing",
    "outputs",
    "labels",
    "top-k",
    "probabilities",
    "logits",
    "weights",
)


def level(output: Output) -> int:
    """Return the rank of a level of output; more is revealed at a higher rank."""
    return LEVELS.index(output)


class Interface(Frozen):
    """What an interface to a model answers."""

    output: Output = "nothing"  # what the interface returns, or the weights
    top_k: int = Field(1, ge=1, le=COUNT)  # for output "top-k"
    decimals: int | None = Field(None, ge=0, le=DECIMALS)  # that answers are rounded to
    length: int = Field(200, ge=1, le=10_000)  # tokens that are written behind a prompt
    double: bool = False  # answers are computed in float64
    real_inputs: bool = False  # inputs outside of the usual range are answered
