"""Your attack on Adi's mark. This one delivers what it stole, mark and all, and is caught."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from arena.game import Access, Attack, Deliverable, Rng, ThreatModel, attack


@attack("mine")
@dataclass(frozen=True, kw_only=True)
class Mine(Attack):
    """Delivers the victim as it is.

    What: nothing yet.
    Threat model: weights, and labelled images of the thief's own.
    Parameters: none.
    Cost: nothing.
    Differences to the paper: there is none.
    Reference: yours.
    Versions: 1.
    """

    paper: ClassVar[str] = "coursework"
    needs: ClassVar[ThreatModel] = ThreatModel(output="weights", data=0.3, data_labels=True)

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Return a copy of the victim; `access.data()` are your images, `access.lab` trains."""
        return Deliverable(access.model())
