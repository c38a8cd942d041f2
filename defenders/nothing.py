"""The control: an owner that protects nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Key
from arena.game.sides.defense import Defense, OwnerTask, Protected, StandardOfProof, defense
from arena.game.sides.suspect import Suspect
from arena.world.kinds.interface import Output
from arena.world.rng import Rng


@defense("none")
@dataclass(frozen=True, kw_only=True)
class NoDefense(Defense):
    """Releases the model as it is and never accuses anybody.

    What: the control of the owners; every thief keeps what it can carry.
    Threat model: verification reads nothing.
    Parameters: none.
    Cost: none.
    Differences to the paper: there is no paper.
    Reference: none.
    Versions: 1.
    """

    reads: ClassVar[Output] = "nothing"
    invasive: ClassVar[bool] = False
    control: ClassVar[bool] = True
    task_needs: ClassVar[frozenset[str]] = frozenset()
    protocol: StandardOfProof = "none"

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Return the unprotected model."""
        return Protected(task.base(), Key("none"))

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Return "no evidence"."""
        return Verdict(False, 1.0, 0.0, 0.5, "none", "high", "there is no mark to look for")
