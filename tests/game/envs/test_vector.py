"""Environments in processes that were forked after the first one computed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

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
