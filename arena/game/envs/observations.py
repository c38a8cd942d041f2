"""What learners see: the layout of their observations, numbers in [0, 1] and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Space

from arena.game.envs.actions import Menu
from arena.game.match.agents import Observation
from arena.game.rules.threat import METERS, ThreatModel

Vector = npt.NDArray[np.float32]
"""An observation: one number in [0, 1] for each name of its layout."""

START = Observation(0, 0.0, -1)
"""What a thief knows before its first move."""

_UNKNOWN = 0.5  # the verdict before there is one


def box(names: Sequence[str]) -> Space[Vector]:
    """Return the space of observations with these entries."""
    return cast("Space[Vector]", Box(0.0, 1.0, (len(names),), np.float32))


def limited(grants: ThreatModel) -> tuple[str, ...]:
    """Return the meters whose budgets a thief watches; the clock would not be the same again."""
    return tuple(meter for meter in METERS if meter != "wall_s" and grants.budget.of(meter))


class ThiefSight:
    """What a thief sees: its own figures, and the verdict only where it is granted the verifier.

    Attributes:
        names: what each number is. space: the observation space.
    """

    def __init__(
        self, grants: ThreatModel, menu: Menu, n_rounds: int, schemes: Sequence[str] = ()
    ) -> None:
        """Lay the observation out; `schemes` are shown to a thief that may know the scheme."""
        self._menu, self._n_rounds = menu, n_rounds
        self._meters = limited(grants)
        self._oracle = grants.budget.verifier_calls != 0
        self._n_schemes = len(schemes) if "scheme" in grants.knows else 0
        self.names = (
            "rounds left",
            "own utility",
            "last strength",
            *(f"last move is {name}" for name in menu.names),
            *(f"{meter} left" for meter in self._meters),
            *(f"scheme is {name}" for name in schemes[: self._n_schemes]),
            *(("caught",) if self._oracle else ()),
        )
        self.space = box(self.names)

    def budgets(self, seen: Observation) -> dict[str, float]:
        """Return the share left of each limited budget."""
        return {meter: seen.left.get(meter, 1.0) for meter in self._meters}

    def row(self, seen: Observation, scheme: int = -1) -> Vector:
        """Return an observation as numbers; `scheme` is the owner's choice once it is made."""
        started = seen.last_move >= 0
        last = self._menu.player(seen.last_move) if started else -1
        strength = self._menu.strength(seen.last_move) if started else None
        values = [1 - seen.round / self._n_rounds, seen.own_utility, strength or 0.0]
        values += [float(i == last) for i in range(len(self._menu.names))]
        values += self.budgets(seen).values()
        values += [float(i == scheme) for i in range(self._n_schemes)]
        if self._oracle:
            values.append(_UNKNOWN if seen.caught is None else float(seen.caught))
        return np.array(values, dtype=np.float32)


class OwnerSight:
    """What an owner sees: whether it has released a model, by which scheme, at what cost.

    Attributes:
        names: what each number is. space: the observation space.
    """

    def __init__(self, menu: Menu) -> None:
        self._menu = menu
        self.names = (
            "to release",
            "fidelity loss",
            "strength",
            *(f"scheme is {name}" for name in menu.names),
        )
        self.space = box(self.names)

    def row(self, released: int = -1, fidelity_loss: float = 0.0) -> Vector:
        """Return an observation as numbers; `released` is the position in the menu, -1 for none."""
        scheme = self._menu.player(released) if released >= 0 else -1
        strength = self._menu.strength(released) if released >= 0 else None
        values = [float(released < 0), min(1.0, max(0.0, fidelity_loss)), strength or 0.0]
        values += [float(i == scheme) for i in range(len(self._menu.names))]
        return np.array(values, dtype=np.float32)
