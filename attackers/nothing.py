"""The control: a thief that does nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.world.rng import Rng


@attack("none")
@dataclass(frozen=True, kw_only=True)
class NoAttack(Attack):
    """Delivers the stolen model unchanged: every protection must recognise it.

    What: the control of the thieves.
    Threat model: weights; no data, no queries.
    Parameters: none.
    Cost: 0 queries, 0 steps.
    Differences to the paper: there is no paper.
    Reference: none.
    Versions: 1.
    """

    needs: ClassVar[ThreatModel] = ThreatModel(output="weights")
    control: ClassVar[bool] = True
    task_needs: ClassVar[frozenset[str]] = frozenset()

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Return the suspect as it is."""
        return Deliverable(access.model())
