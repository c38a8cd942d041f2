"""Your protection. This one releases the model as it is and recognises nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from arena.game import Defense, Key, OwnerTask, Protected, Rng, Suspect, Verdict, defense
from arena.world.kinds.interface import Output


@defense("mine")
@dataclass(frozen=True, kw_only=True)
class Mine(Defense):
    """Remembers nothing, and so accuses nobody.

    What: nothing yet.
    Threat model: verification reads the suspect's weights.
    Parameters: none.
    Cost: nothing.
    Differences to the paper: there is none.
    Reference: yours.
    Versions: 1.
    """

    paper: ClassVar[str] = "coursework"
    reads: ClassVar[Output] = "weights"
    invasive: ClassVar[bool] = False
    statistic: ClassVar[tuple[str, Literal["low", "high"]]] = ("nothing", "high")

    def protect(self, task: OwnerTask, rng: Rng) -> Protected:
        """Return the model as it is, and a key."""
        return Protected(task.base(), Key("mine", "", {}, {}))

    def examine(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Return a verdict that accuses nobody."""
        return Verdict(False, 1.0, 0.0, 1.0, "nothing", "high", "nothing was looked at")
