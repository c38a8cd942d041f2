"""The search itself, on games whose best plan is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from arena.runs.learn.environments import ArenaEnv
from arena.runs.learn.lesson import Schedule
from arena.runs.learn.search import search
from arena.world.rng import Rng

N_ACTIONS = 6


class Numbered:
    """A menu of actions that are numbers."""

    specs = tuple(range(N_ACTIONS))

    def pick(self, index: int) -> npt.NDArray[np.int64]:
        return np.array([index])


@dataclass
class Lock:
    """Opens for one combination, against one of two opponents more than against the other."""

    combination: tuple[int, ...]
    fails: int = -1  # an action that ends the episode with nothing
    menu: Numbered = field(default_factory=Numbered)
    played: list[int] = field(default_factory=list)
    n_steps: int = 0

    def reset(self, seed: int | None = None) -> None:
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        self._share = (0.4, 1.0)[self._rng.integers(2)]
        self.played = []

    def step(self, action: npt.NDArray[np.int64]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.n_steps += 1
        self.played.append(int(action[0]))
        if self.played[-1] == self.fails:
            return None, 0.0, False, True, {}
        ended = len(self.played) == len(self.combination)
        right = sum(a == b for a, b in zip(self.played, self.combination, strict=False))
        paid = self._share * (right / len(self.combination)) ** 2 if ended else 0.0
        return None, paid, ended, False, {}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("combination", [(4,), (2, 5), (5, 0, 3)])
def test_the_best_plan_is_found(combination: tuple[int, ...], seed: int) -> None:
    lock = Lock(combination, fails=1)
    plan = search(cast(ArenaEnv, lock), Schedule(12_000, Rng(seed)), lambda _: None)
    assert plan == combination
    assert 12_000 <= lock.n_steps < 12_000 + len(combination)


def test_the_same_seed_searches_the_same() -> None:
    plans = [
        search(cast(ArenaEnv, Lock((2, 5))), Schedule(30, Rng(3)), lambda _: None) for _ in range(2)
    ]
    assert plans[0] == plans[1]
