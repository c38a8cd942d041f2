"""Whom an episode is played against: drawn at random, unless its reset says who."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from arena.game.match.play import MatchSpec
from arena.world.rng import Rng


def seeded(match: MatchSpec, number: int) -> MatchSpec:
    """Return a match against another victim; number 0 is the match itself.

    Its seed is as much higher. Under a secret, which takes the seed's place, it has a root of its
    own below that one.
    """
    update: dict[str, int] = {"seed": match.seed + number}
    if number and match.secret_root is not None:
        update["secret_root"] = Rng(match.secret_root).child("victim", number).root()
    return match.model_copy(update=update)


def opponent_of(options: Mapping[str, Any] | None, n: int, rng: np.random.Generator) -> int:
    """Return the position of an episode's opponent among `n`.

    Args:
        options: those of `reset`; `opponent` is the position that is wanted.
        n: how many opponents there are.
        rng: the environment's.

    Raises:
        ValueError: there is no such opponent.
    """
    drawn = int(rng.integers(n))  # also where it is not needed: later draws stay the same
    wanted = int((options or {}).get("opponent", drawn))
    if not 0 <= wanted < n:
        raise ValueError(f"expected an opponent from 0 to {n - 1}, found {wanted}")
    return wanted
