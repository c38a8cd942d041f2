"""What a learner is given, and what is heard of it while it learns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from arena.world.rng import Rng


@dataclass(frozen=True)
class Schedule:
    """What a learner is given.

    Attributes:
        n_steps: steps of the environment. rng: its randomness.
        shaping: weight of the thief's own utility in a shaped reward; 0 leaves the reward as it is.
    """

    n_steps: int
    rng: Rng
    shaping: float = 0.0


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
