"""Replayed steps of arena/Thief-v0: what a learner's repeated episodes cost.

    python -m benchmarks.tournament.env_steps

Every path of the default moves (one strength, two rounds) is played once. Then episodes
replay them, resets included, from a memo in memory and from the artefact store of a tournament: one
pass of a new environment, for which every digest and every file is new ("first pass"), and random
episodes of an environment that lives on ("warm"). Bar: >= 500 steps/s, warm.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from pathlib import Path

import numpy as np

from arena.game.envs import ThiefEnv
from arena.game.match.steps.step_cache import Memo, MemoryMemo
from arena.runs.store import Store
from benchmarks.common import bar, heading, median_s, say

N_ROUNDS, N_EPISODES, N_RUNS = 2, 500, 5


def environment(memo: Memo) -> ThiefEnv:
    return ThiefEnv(n_strengths=1, n_rounds=N_ROUNDS, memo=memo)


def play(env: ThiefEnv, paths: list[tuple[int, ...]]) -> None:
    for path in paths:
        env.reset()
        for move in path:
            env.step(np.array([move, 0]))


def measure(name: str, memo: Memo, again: Memo) -> None:
    """Play all paths into `memo`, then time replays; `again` reads the same results anew."""
    env = environment(memo)
    every = list(itertools.product(range(len(env.menu.names)), repeat=N_ROUNDS))
    started = time.perf_counter()
    play(env, every)
    played_s = time.perf_counter() - started
    draw = np.random.default_rng(0).integers(len(every), size=N_EPISODES)
    episodes = [every[int(i)] for i in draw]
    fresh_s = median_s(lambda: play(environment(again), every), 1, warm=0)
    warm_s = median_s(lambda: play(env, episodes), N_RUNS)
    say(f"{name}: {len(every)} episodes played in {played_s:.1f} s")
    say(f"{name}, first pass: {N_ROUNDS * len(every) / fresh_s:.0f} replayed steps/s")
    bar(f"{name}, warm: replayed steps/s", N_ROUNDS * N_EPISODES / warm_s, 500)


def main() -> None:
    heading("Replayed environment steps, arena/Thief-v0", N_RUNS)
    memory = MemoryMemo()
    measure("memory", memory, memory)
    with tempfile.TemporaryDirectory() as folder:
        measure("store", Store(Path(folder)), Store(Path(folder)))


if __name__ == "__main__":
    main()
