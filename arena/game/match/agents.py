"""Agents: who chooses the moves of a match, round by round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from arena.game.sides.player import PlayerSpec
from arena.world.json_values import Json


@dataclass(frozen=True)
class Action:
    """One choice: a move and how harsh it is (None leaves its hyper-parameters as they are)."""

    move: PlayerSpec
    strength: float | None = None


@dataclass(frozen=True)
class Observation:
    """What a thief knows before a round: nothing of the key, nothing of the verdict.

    Attributes:
        round: rounds played so far. own_utility: what it can see of its utility, in [0, 1].
        last_move: index of its last move, -1 before the first. left: shares of the budgets left.
        caught: the verdict on its last suspect where the scenario grants it, else None.
    """

    round: int
    own_utility: float
    last_move: int
    left: dict[str, float] = field(default_factory=dict)
    caught: bool | None = None


class Agent(Protocol):
    """Chooses the next action, or None to stop."""

    def act(self, observation: Observation, info: dict[str, Json]) -> Action | None:
        """Return what to do in this round."""


@dataclass(frozen=True)
class Scripted:
    """Plays a fixed list of moves."""

    moves: Sequence[Action]

    def act(self, observation: Observation, info: dict[str, Json]) -> Action | None:
        """Return the next move of the list; None after the last."""
        played = observation.round
        return self.moves[played] if played < len(self.moves) else None
