"""Vectors of environments, in this process and in processes that were forked after it computed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import gymnasium
import numpy as np
import pytest

import arena.game.envs  # noqa: F401 - registers the environments
from arena.game.match.play import MatchSpec
from arena.game.match.steps.step_cache import MemoryMemo
from arena.game.sides.player import PlayerSpec

SCRIPT = """
import gymnasium, numpy
def make():
    import arena.game.envs
    from arena.game.envs.defaults import default_match
    from arena.game.sides.player import PlayerSpec
    from arena.world.task import TaskSpec
    from arena.world.training import Recipe
    match = default_match().model_copy(update={"task": TaskSpec(recipe=Recipe(epochs=1))})
    moves = (PlayerSpec(name="none"),)
    return gymnasium.make("arena/Thief-v0", match=match, moves=moves, n_strengths=1)
one = make()
one.reset(seed=0)
one.step(numpy.array([0, 0]))
many = gymnasium.vector.AsyncVectorEnv([make, make], context="fork")
many.reset(seed=[1, 2])
rewards = many.step(numpy.array([[0, 0], [0, 0]]))[1]
many.close()
print("rewards", len(rewards))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks vectors of environments")
def test_a_vector_of_environments_steps_after_one_has_stepped() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ran.stdout.endswith("rewards 2\n"), ran.stderr


@pytest.mark.parametrize(
    "mode",
    [
        "sync",
        pytest.param(
            "async",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks by itself"),
        ),
    ],
)
def test_gymnasium_makes_vectors_that_pay_what_one_environment_pays(
    mode: str, match: MatchSpec, memo: MemoryMemo
) -> None:
    moves = [PlayerSpec(name="stay"), PlayerSpec(name="wipe")]
    given: dict[str, Any] = {
        "match": match,
        "moves": moves,
        "n_strengths": 2,
        "n_rounds": 1,
        "memo": memo,
    }
    one = gymnasium.make("arena/Thief-v0", **given)
    actions = np.array([[0, 0], [1, 0], [1, 1]])
    alone = []
    for action in actions:
        one.reset(seed=0)
        alone.append(float(one.step(action)[1]))
    vector = gymnasium.make_vec("arena/Thief-v0", 3, vectorization_mode=mode, **given)
    rows, _ = vector.reset(seed=0)
    assert vector.observation_space.contains(rows)
    _, rewards, terminated, truncated, info = vector.step(actions)
    assert rewards.tolist() == alone
    assert (terminated.all(), truncated.any(), set(info["status"])) == (True, False, {"OK"})
    vector.close()
