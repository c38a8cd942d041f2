"""Learning in a scenario: an algorithm learns, what it learnt is measured and made a player."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from arena.errors import ScenarioError, did_you_mean
from arena.game.envs.actions import Menu, Pick
from arena.game.envs.learned_agent import Policy
from arena.game.envs.observations import Vector
from arena.game.envs.thief import ThiefEnv
from arena.runs.learn.environments import ArenaEnv, School
from arena.runs.learn.learned_player import LearnedPlayer, Origin, Side
from arena.runs.learn.lesson import Heard
from arena.runs.learn.search import Plan, search
from arena.runs.tournament import versions
from arena.world.json_values import Json
from arena.world.rng import Rng

Algorithm = Callable[[ArenaEnv, int, Rng, Heard], Plan]
ALGORITHMS: Mapping[str, Algorithm] = {"search": search}


@dataclass(frozen=True)
class Training:
    """What is to be learnt: which side, by which algorithm, in how many steps, from which seed."""

    side: Side
    algorithm: str = "search"
    n_steps: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            hint = did_you_mean(self.algorithm, ALGORITHMS)
            raise ScenarioError([f"expected an algorithm, found {self.algorithm!r}{hint}"])

    def learn(self, school: School, heard: Heard) -> LearnedPlayer:
        """Learn, and return the player.

        Raises:
            ScenarioError: the scenario has nothing to learn from.
        """
        env = school.thief_env() if self.side == "thief" else school.owner_env()
        rng = Rng(self.seed).child("learn", self.side, self.algorithm)
        plan = ALGORITHMS[self.algorithm](env, self.n_steps, rng, heard)
        return LearnedPlayer(
            side=self.side,
            origin=Origin(
                scenario=school.scenario.name,
                seed=self.seed,
                algorithm=self.algorithm,
                steps=self.n_steps,
                versions=versions(),
            ),
            table=_table(env, plan),
            payoffs=payoffs(env, follow(plan, env)),
        )


def follow(plan: Plan, env: ArenaEnv) -> Policy:
    """Return a plan as a policy: it knows the round by the share of rounds that is left."""

    def policy(row: Vector) -> Pick:
        n_left = round(float(row[0]) * env.n_rounds)
        return env.menu.pick(plan[env.n_rounds - n_left])

    return policy


def payoffs(env: ArenaEnv, policy: Policy) -> dict[str, float]:
    """Return what a policy earns against each opponent of an environment, in [0, 1]."""
    found: dict[str, float] = {}
    for i, opponent in enumerate(env.opponents):
        row, _ = env.reset(options={"opponent": i})
        earned, ended = 0.0, False
        while not ended:
            row, reward, terminated, truncated, _ = env.step(np.asarray(policy(row)))
            earned += float(reward)
            ended = terminated or truncated
        found[opponent] = earned
    return found


def _table(env: ArenaEnv, plan: Plan) -> dict[str, Json]:
    """Return what a plan plays, as a scenario has it."""
    menu = env.menu
    if isinstance(env, ThiefEnv):
        threat = env.match.grants.plain()
        budget = threat.pop("budget")
        moves = [_move(menu, choice) for choice in plan]
        return {"moves": moves, "threat": {"grant": threat, "budget": budget}}
    (choice,) = plan
    verification = env.games[0][0].verification
    return {**_scheme(menu, choice), "verification": verification}


def _move(menu: Menu, choice: int) -> dict[str, Json]:
    player, strength = menu.players[menu.player(choice)], menu.strength(choice)
    harsh: dict[str, Json] = {} if strength is None else {"strength": strength}
    return {"move": player.name, "settings": player.settings, **harsh}


def _scheme(menu: Menu, choice: int) -> dict[str, Json]:
    spec = menu.specs[choice]
    return {"scheme": spec.name, "settings": spec.settings}
