"""One match: access, players, evidence, referee, score, environments.

What a player's file needs is here by name.
"""

from arena.game.access import Access
from arena.game.attack import Attack, attack
from arena.game.defense import Defense, OwnerTask, Protected, defense
from arena.game.deliverable import Claim, Deliverable
from arena.game.keys import Key
from arena.game.suspect import Suspect
from arena.game.threat import Budget, ThreatModel
from arena.game.verdict import Rule, Verdict
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
