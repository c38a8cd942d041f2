"""Reinforcement learning by stable-baselines3 (extra `rl`): PPO and DQN on the environments.

Sources: Schulman et al., "Proximal policy optimization algorithms", 2017; Mnih et al., "Human-level
control through deep reinforcement learning", Nature 2015; Raffin et al., "Stable-Baselines3", JMLR
2021. Episodes are short and their return is the final pay-off, so nothing is discounted. Pairs of
player and strength are numbered, since DQN knows one number as an action; observations are numbers
in [0, 1] already, and are not normalised again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, SupportsFloat

import gymnasium
import numpy as np
from gymnasium.spaces import Discrete
from torch import nn

from arena.errors import ScenarioError
from arena.game.envs.observations import Vector
from arena.runs.learn.environments import ArenaEnv
from arena.runs.learn.lesson import Heard, Lesson, Schedule
from arena.runs.learn.network import Network, NetworkForm
from arena.world.global_rng import lent
from arena.world.rng import Rng

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

_PPO_STEPS = 64  # of a rollout
_UTILITY = "own utility"


class Numbered(gymnasium.Env[Vector, np.int64]):
    """An environment whose actions are numbers, rewards shaped where that is asked for.

    Shaping adds the change in the thief's own utility, times a weight, and takes it back at the
    end of an episode: potential-based, so that it moves no optimal policy (Ng, Harada, Russell,
    ICML 1999).
    """

    def __init__(self, env: ArenaEnv, shaping: float) -> None:
        self._env, self._shaping, self._potential = env, shaping, 0.0
        names = env.observation_names
        self._place = names.index(_UTILITY) if _UTILITY in names else None
        self.action_space = Discrete(len(env.menu.specs))
        self.observation_space = env.observation_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Vector, dict[str, Any]]:
        """Begin an episode."""
        self._potential = 0.0
        return self._env.reset(seed=seed, options=options)

    def step(self, action: np.int64) -> tuple[Vector, SupportsFloat, bool, bool, dict[str, Any]]:
        """Take the action of that number."""
        row, reward, terminated, truncated, info = self._env.step(self._env.menu.pick(int(action)))
        if not self._shaping or self._place is None:
            return row, reward, terminated, truncated, info
        ended = terminated or truncated
        potential = 0.0 if ended else self._shaping * float(row[self._place])
        shaped = float(reward) + potential - self._potential
        self._potential = potential
        return row, shaped, terminated, truncated, info


def ppo(env: ArenaEnv, schedule: Schedule, heard: Heard) -> Network:
    """Return what PPO learns; raises ScenarioError where stable-baselines3 is missing."""

    def make(numbered: Numbered) -> BaseAlgorithm:
        from stable_baselines3 import PPO

        size = min(_PPO_STEPS, max(2, schedule.n_steps))
        return PPO(
            "MlpPolicy",
            numbered,
            n_steps=size,
            batch_size=size,
            learning_rate=1e-3,
            gamma=1.0,
            ent_coef=0.01,
            device="cpu",
        )

    def layers(policy: Any) -> list[nn.Module]:
        return [*policy.mlp_extractor.policy_net, policy.action_net]

    return _learn(env, schedule, heard, (make, layers, "tanh"))


def dqn(env: ArenaEnv, schedule: Schedule, heard: Heard) -> Network:
    """Return what DQN learns; raises ScenarioError where stable-baselines3 is missing."""

    def make(numbered: Numbered) -> BaseAlgorithm:
        from stable_baselines3 import DQN

        return DQN(
            "MlpPolicy",
            numbered,
            learning_rate=1e-3,
            buffer_size=10_000,
            learning_starts=min(100, schedule.n_steps // 4),
            train_freq=1,
            target_update_interval=100,
            exploration_fraction=0.5,
            gamma=1.0,
            device="cpu",
        )

    def layers(policy: Any) -> list[nn.Module]:
        return [*policy.q_net.q_net]

    return _learn(env, schedule, heard, (make, layers, "relu"))


_Recipe = tuple[
    Callable[[Numbered], "BaseAlgorithm"],
    Callable[[Any], list[nn.Module]],
    Literal["tanh", "relu"],
]
"""Makes a learner; names the layers of its policy; what is between them."""


def _learn(env: ArenaEnv, schedule: Schedule, heard: Heard, recipe: _Recipe) -> Network:
    make, layers, activation = recipe
    numbered = Numbered(env, schedule.shaping)
    numbered.action_space.seed(_seed(schedule.rng.child("actions")))
    numbered.reset(seed=_seed(schedule.rng.child("opponents")))
    try:
        with lent(schedule.rng.child("library")):
            learner = make(numbered)
            _follow(learner, schedule.n_steps, heard)
    except ModuleNotFoundError as error:
        raise ScenarioError(
            [
                f"expected {error.name} to learn by, found none; try pip install "
                "'copyright-arena[rl]', or --algorithm search"
            ]
        ) from error
    linear = [layer for layer in layers(learner.policy) if isinstance(layer, nn.Linear)]
    form = NetworkForm(
        activation=activation,
        menu=env.menu.players,
        n_strengths=env.menu.n_strengths,
        n_rounds=env.n_rounds,
        observation=env.observation_names,
    )
    weights = tuple(layer.weight.detach().numpy().copy() for layer in linear)
    return Network(form, weights, tuple(layer.bias.detach().numpy().copy() for layer in linear))


def _seed(rng: Rng) -> int:
    return rng.integer() % 2**31


def _follow(learner: BaseAlgorithm, n_steps: int, heard: Heard) -> None:
    """Let a learner learn, and pass on what it earns and what its logger measures."""
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.logger import KVWriter, Logger

    class Listener(BaseCallback):
        """Hears of episodes."""

        def _on_step(self) -> bool:
            for info in self.locals["infos"]:
                if "episode" in info:
                    payoff = {"payoff": float(info["episode"]["r"])}
                    heard(Lesson(self.num_timesteps, n_steps, payoff))
            return True

    class Writer(KVWriter):
        """Hears of losses and the like."""

        def write(
            self,
            key_values: dict[str, Any],
            key_excluded: dict[str, tuple[str, ...]],
            step: int = 0,
        ) -> None:
            heard(Lesson(step, n_steps, dict(_figures(key_values))))

        def close(self) -> None:
            pass

    learner.set_logger(Logger(folder=None, output_formats=[Writer()]))
    learner.learn(n_steps, callback=Listener())


def _figures(measured: Mapping[str, Any]) -> Mapping[str, float]:
    """Return what a logger measured of the learning, without clocks."""
    return {
        name: float(value)
        for name, value in measured.items()
        if name.startswith(("train/", "rollout/")) and isinstance(value, int | float | np.floating)
    }
