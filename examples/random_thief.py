"""A learner's environment: a thief that draws its moves at random, and what an episode paid.

    python examples/random_thief.py

`arena/Thief-v0` takes a two-part action (which move, how harsh); any learner for Gymnasium fits.
"""

import gymnasium

import arena.game.envs  # noqa: F401 - registers the environments

env = gymnasium.make("arena/Thief-v0", n_rounds=2)
env.action_space.seed(1)
for episode in range(3):
    env.reset(seed=episode)
    total, done, moves = 0.0, False, []
    while not done:
        _, reward, terminated, truncated, info = env.step(env.action_space.sample())
        total += float(reward)
        done = terminated or truncated
        moves.append(info.get("move", "?"))
    print(f"episode {episode}: {' then '.join(map(str, moves))}, pay-off {total:.2f}")
