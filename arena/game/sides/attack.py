"""The thief's side: one move, what a paper calls an attack."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Player, Registry
from arena.world.json_values import Json
from arena.world.rng import Rng


@dataclass(frozen=True, kw_only=True)
class Attack(Player):
    """Base class of moves. Subclasses write `run`.

    A move reads the thief's current suspect from `access.model()` and returns the next one, so
    moves can be stacked in any order.

    Class attributes: `needs`, the least that a threat model must grant; `victim`, the `model` and
    `arguments` (as in a task) of the kind of victim that the move is made for, nothing for any:
    against others it does what it can, and trials play it against this one.
    """

    needs: ClassVar[ThreatModel] = ThreatModel()
    victim: ClassVar[Mapping[str, Json]] = MappingProxyType({})

    @abstractmethod
    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Make the move and return what is delivered."""


attacks: Registry[Attack] = Registry("attacker", "copyright_arena.attackers")
attack = attacks.register
