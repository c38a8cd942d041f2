"""One match: access, players, evidence, referee, score, environments.

What a player's file needs is here by name.
"""

from arena.game.court.verdict import Rule, Verdict
from arena.game.rules.keys import Key
from arena.game.rules.threat import Budget, ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.defense import Defense, OwnerTask, Protected, defense
from arena.game.sides.deliverable import Claim, Deliverable
from arena.game.sides.suspect import Suspect
from arena.world.rng import Rng

__all__ = [
    "Access",
    "Attack",
    "Budget",
    "Claim",
    "Defense",
    "Deliverable",
    "Key",
    "OwnerTask",
    "Protected",
    "Rng",
    "Rule",
    "Suspect",
    "ThreatModel",
    "Verdict",
    "attack",
    "defense",
]
