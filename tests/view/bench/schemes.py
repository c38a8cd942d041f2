"""Schemes of a stranger: one that raises, and one that accuses everybody."""

from __future__ import annotations

from dataclasses import dataclass

from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Key
from arena.game.sides.defense import Defense, OwnerTask, Protected, defense
from arena.game.sides.suspect import Suspect
from arena.world.rng import Rng


@defense("test-raises")
@dataclass(frozen=True, kw_only=True)
class Raises(Defense):
    """Fails to protect."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Fail."""
        raise ZeroDivisionError("a scheme's own fault")

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Accuse nobody: there is no key."""
        return Verdict.unreadable("there is no key")


@defense("test-accuses")
@dataclass(frozen=True, kw_only=True)
class Accuses(Defense):
    """Calls whatever it sees a copy."""

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Return the model as it is."""
        return Protected(task.base(), Key("test-accuses"))

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Accuse."""
        return Verdict(True, 1e-9, 1.0, 0.5, "certainty", "high", "it is mine")
