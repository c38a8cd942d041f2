"""Environments for learners: importing this package registers them with Gymnasium.

`gymnasium.make("arena.game.envs:arena/Thief-v0")` imports and makes one in a single call.
"""

from __future__ import annotations

import gymnasium

from arena.game.envs.duel import DuelEnv, aec_env
from arena.game.envs.learned_agent import Learned
from arena.game.envs.owner import OwnerEnv
from arena.game.envs.thief import ThiefEnv

__all__ = ["DuelEnv", "Learned", "OwnerEnv", "ThiefEnv", "aec_env"]

gymnasium.register(id="arena/Thief-v0", entry_point="arena.game.envs.thief:ThiefEnv")
gymnasium.register(id="arena/Owner-v0", entry_point="arena.game.envs.owner:OwnerEnv")
