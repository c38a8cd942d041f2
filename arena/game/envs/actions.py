"""Menus: the actions of a learner as numbers, and the players that they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import MultiDiscrete

from arena.errors import ScenarioError
from arena.game.match.play import MatchSpec
from arena.game.sides.attack import attacks
from arena.game.sides.player import Player, PlayerSpec, Registry

Pick = npt.NDArray[np.int64]
"""An action (2,): which player, and which strength."""


class Menu:
    """Players by name, each at a number of strengths from 0 (mild) to 1 (harsh).

    With a single strength the players keep the hyper-parameters they are given with.

    Attributes:
        players: the players as they were given. names: what each is called; one that appears again
            is numbered.
        specs: the players at every strength; `index` says which of them an action stands for.
        space: the action space `MultiDiscrete([players, strengths])`.
    """

    def __init__(
        self, registry: Registry[Any], players: Sequence[PlayerSpec], n_strengths: int
    ) -> None:
        """Look up every player once.

        Raises:
            RegistryError: a player is unknown or does not take its settings.
            ScenarioError: there is nothing to choose from.
        """
        if not players or n_strengths < 1:
            found = f"{len(players)} and {n_strengths}"
            problem = f"expected at least one {registry.kind} and one strength, found {found}"
            raise ScenarioError([problem])
        self.n_strengths, self.players = n_strengths, tuple(players)
        self.names = _numbered([spec.name for spec in players])
        self.specs = tuple(
            _at(spec, registry.make(spec), self.strength(i))
            for spec in players
            for i in range(n_strengths)
        )
        self.space = MultiDiscrete(np.array([len(players), n_strengths]))

    def strength(self, index: int) -> float | None:
        """Return the strength of `specs[index]`; None where players stay as they are."""
        if self.n_strengths == 1:
            return None
        return (index % self.n_strengths) / (self.n_strengths - 1)

    def player(self, index: int) -> int:
        """Return the position in `names` of the player of `specs[index]`."""
        return index // self.n_strengths

    def pick(self, index: int) -> Pick:
        """Return the action that stands for `specs[index]`."""
        return np.array(divmod(index, self.n_strengths))

    def index(self, action: Pick) -> int:
        """Return the position in `specs` of an action.

        Raises:
            ValueError: it is not in the action space.
        """
        player, strength = (int(value) for value in action)
        if not (0 <= player < len(self.names) and 0 <= strength < self.n_strengths):
            raise ValueError(f"expected an action in {self.space}, found {action}")
        return player * self.n_strengths + strength


def _at(spec: PlayerSpec, player: Player, strength: float | None) -> PlayerSpec:
    if strength is None:
        return spec
    return PlayerSpec(name=spec.name, settings=player.at(strength).settings())


def _numbered(names: Sequence[str]) -> tuple[str, ...]:
    """Return distinct names: the second `prune` is `prune (2)`."""
    counts = [names[: i + 1].count(name) for i, name in enumerate(names)]
    return tuple(name if n == 1 else f"{name} ({n})" for name, n in zip(names, counts, strict=True))


def refuse_unplayable(match: MatchSpec, moves: Sequence[PlayerSpec]) -> None:
    """Refuse moves that need more than a match grants, all at once.

    Raises:
        ScenarioError: with one sentence for each.
    """
    lacks = {move.name: match.grants.missing(attacks.find(move.name).needs) for move in moves}
    problems = [
        f"{name} needs {'; '.join(lack)}; grant it in the match or leave the move out"
        for name, lack in lacks.items()
        if lack
    ]
    if problems:
        raise ScenarioError(problems)
