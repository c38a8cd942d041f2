"""Replayed steps of vectors of `arena/Thief-v0`: what `gymnasium.make_vec` gives a learner.

    python -m benchmarks.tournament.vector_steps

Every path of two moves (one strength, two rounds) is played once into the artefact store of a
tournament. Then four environments replay random episodes of it, in this process ("sync") and in
four processes ("async"). Only steps of the environments count: a vector needs a further call to
begin each episode, whose time is counted and whose step is not. Bar: >= 5,000 steps/s, sync; the
steps a second of this process's CPU time stand beside it, for machines that are shared.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from arena.game.envs import ThiefEnv
from arena.game.sides.player import PlayerSpec
from arena.runs.store import Store
from benchmarks.common import bar, heading, median_s, say

N_ENVS, N_ROUNDS, N_EPISODES, N_RUNS = 4, 2, 500, 5


def given(folder: Path) -> dict[str, Any]:
    moves = (PlayerSpec(name="none"), PlayerSpec(name="prune"))
    return {"moves": moves, "n_strengths": 1, "n_rounds": N_ROUNDS, "memo": Store(folder)}


def play_all(folder: Path) -> None:
    """Play every path once."""
    env = ThiefEnv(**given(folder))
    for path in itertools.product(range(len(env.menu.names)), repeat=N_ROUNDS):
        env.reset()
        for move in path:
            env.step(np.array([move, 0]))


def replay(vector: gymnasium.vector.VectorEnv[Any, Any, Any], n_episodes: int) -> None:
    """Play random episodes in all environments at once."""
    draw = np.random.default_rng(0)
    vector.reset(seed=0)
    for _ in range(n_episodes * (N_ROUNDS + 1)):  # the last step of each only begins the next
        moves = draw.integers(2, size=N_ENVS)
        vector.step(np.stack([moves, np.zeros_like(moves)], axis=1))


def main() -> None:
    heading(f"Replayed steps of {N_ENVS} environments, arena/Thief-v0", N_RUNS)
    with tempfile.TemporaryDirectory() as folder:
        play_all(Path(folder))
        for mode in ("sync", "async"):
            vector = gymnasium.make_vec(
                "arena/Thief-v0", N_ENVS, vectorization_mode=mode, **given(Path(folder))
            )
            begun_s = time.process_time()
            seconds = median_s(lambda: replay(vector, N_EPISODES), N_RUNS)  # noqa: B023
            cpu_s = (time.process_time() - begun_s) / (N_RUNS + 1)
            vector.close()
            n_steps = N_ENVS * N_EPISODES * N_ROUNDS
            bar(f"{mode}: replayed steps/s", n_steps / seconds, 5000)
            if mode == "sync":
                say(f"{mode}: {n_steps / cpu_s:.0f} replayed steps a second of CPU time")


if __name__ == "__main__":
    main()
