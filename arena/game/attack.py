"""The thief's side: one move, what a paper calls an attack."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from arena.game.access import Access
from arena.game.deliverable import Deliverable
from arena.game.player import Player, Registry
from arena.game.threat import ThreatModel
from arena.world.rng import Rng


@dataclass(frozen=True, kw_only=True)
class Attack(Player):
    """Base class of moves. Subclasses write `run`.

    A move reads the thief's current suspect from `access.model()` and returns the next one, so
    moves can be stacked in any order.

    Class attributes: `needs`, the least that a threat model must grant.
    """

    needs: ClassVar[ThreatModel] = ThreatModel()

    @abstractmethod
    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Make the move and return what is delivered."""


attacks: Registry[Attack] = Registry("attacker", "copyright_arena.attackers")
attack = attacks.register
