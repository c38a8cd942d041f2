"""What is heard of a learner while it learns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Lesson:
    """Where a learner stands.

    Attributes:
        step: steps of the environment so far. n_steps: how many it may take.
        figures: what is measured by name: `payoff`, that of the last episode, and others.
    """

    step: int
    n_steps: int
    figures: Mapping[str, float]


Heard = Callable[[Lesson], None]
"""Told of every lesson."""
