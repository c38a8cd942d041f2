"""Learned policies as agents: they play matches and tournaments, where nobody pays them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from arena.game.envs.actions import Menu, Pick
from arena.game.envs.observations import ThiefSight, Vector
from arena.game.match.agents import Action, Observation
from arena.game.sides.player import PlayerSpec
from arena.world.json_values import Json

Policy = Callable[[Vector], Pick]
"""An observation of `arena/Thief-v0` -> an action of it."""


class Learned:
    """Plays what a policy chooses, for as many rounds as it was trained on. An `Agent`."""

    def __init__(self, policy: Policy, menu: Menu, sight: ThiefSight, n_rounds: int) -> None:
        self._policy, self._menu, self._sight, self._n_rounds = policy, menu, sight, n_rounds
        self._last = -1

    @property
    def moves(self) -> tuple[PlayerSpec, ...]:
        """Return the moves that it may choose."""
        return self._menu.players

    def act(self, observation: Observation, info: dict[str, Json]) -> Action | None:
        """Return the policy's choice; None after the last round."""
        if observation.round >= self._n_rounds:
            return None
        last = self._last if observation.round else -1
        row = self._sight.row(replace(observation, last_move=last))
        self._last = self._menu.index(self._policy(row))
        player = self._menu.players[self._menu.player(self._last)]
        return Action(player, self._menu.strength(self._last))
