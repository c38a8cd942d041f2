"""Learning in a scenario: an algorithm learns, what it learnt is measured and made a player."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from arena.errors import ScenarioError, did_you_mean
from arena.game.envs.actions import Menu, Pick
from arena.game.envs.learned_agent import Policy
from arena.game.envs.observations import Vector
from arena.game.envs.owner import OwnerEnv
from arena.game.envs.thief import ThiefEnv
from arena.runs.learn.environments import ArenaEnv, School
from arena.runs.learn.learned_player import LearnedPlayer, Origin, Side, write_learned
from arena.runs.learn.lesson import Heard, Schedule
from arena.runs.learn.network import Network, policy_of, write_network
from arena.runs.learn.reinforce import dqn, ppo
from arena.runs.learn.search import Plan, search
from arena.runs.tournament import versions
from arena.world.json_values import Json
from arena.world.rng import Rng

Algorithm = Callable[[ArenaEnv, Schedule, Heard], Plan | Network]
ALGORITHMS: Mapping[str, Algorithm] = {"search": search, "ppo": ppo, "dqn": dqn}


@dataclass(frozen=True)
class Training:
    """What is to be learnt: which side, by which algorithm, in how many steps, from which seed.

    `shaping` is the weight of a thief's own utility in its reward while it learns; 0 is none.
    """

    side: Side
    algorithm: str = "search"
    n_steps: int = 500
    seed: int = 0
    shaping: float = 0.0

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            hint = did_you_mean(self.algorithm, ALGORITHMS)
            raise ScenarioError([f"expected an algorithm, found {self.algorithm!r}{hint}"])
        if self.shaping and (self.algorithm == "search" or self.side == "owner"):
            raise ScenarioError(
                [
                    "expected no shaping of an owner's reward or of a search, found one; "
                    "shape a thief's by ppo or dqn"
                ]
            )

    def learn(self, school: School, heard: Heard) -> Learnt:
        """Learn, and return the player.

        Raises:
            ScenarioError: the scenario has nothing to learn from, or a library is missing.
        """
        env = school.thief_env() if self.side == "thief" else school.owner_env()
        rng = Rng(self.seed).child("learn", self.side, self.algorithm)
        choice = ALGORITHMS[self.algorithm](env, Schedule(self.n_steps, rng, self.shaping), heard)
        if isinstance(choice, Network) and isinstance(env, OwnerEnv):
            choice = (choice.choose(env.reset()[0]),)  # it sees the same whenever it chooses
        network = choice if isinstance(choice, Network) else None
        player = LearnedPlayer(
            side=self.side,
            origin=Origin(
                scenario=school.scenario.name,
                seed=self.seed,
                algorithm=self.algorithm,
                steps=self.n_steps,
                versions=versions(),
            ),
            table=_table(env, choice),
            payoffs=payoffs(env, _policy(choice, env)),
            network=network.form if network else None,
        )
        return Learnt(player, network)


@dataclass(frozen=True)
class Learnt:
    """A player that learnt, and its network where it has one."""

    player: LearnedPlayer
    network: Network | None

    def write(self, folder: Path) -> None:
        """Write both into a folder, the player last.

        Raises:
            StoreError: they cannot be written.
        """
        if self.network is not None:
            write_network(folder, self.network)
        write_learned(folder, self.player)


def _policy(choice: Plan | Network, env: ArenaEnv) -> Policy:
    """Return a choice as a policy; a plan knows the round by the share of rounds that is left."""
    if isinstance(choice, Network):
        return policy_of(choice, env.menu)

    def policy(row: Vector) -> Pick:
        n_left = round(float(row[0]) * env.n_rounds)
        return env.menu.pick(choice[env.n_rounds - n_left])

    return policy


def payoffs(env: ArenaEnv, policy: Policy) -> dict[str, float]:
    """Return what a policy earns against each opponent of an environment, in [0, 1]."""
    found: dict[str, float] = {}
    for i, opponent in enumerate(env.opponents):
        row, _ = env.reset(options={"opponent": i})
        earned, ended = 0.0, False
        while not ended:
            row, reward, terminated, truncated, _ = env.step(policy(row))
            earned += float(reward)
            ended = terminated or truncated
        found[opponent] = earned
    return found


def _table(env: ArenaEnv, choice: Plan | Network) -> dict[str, Json]:
    """Return what a learner plays, as a scenario has it; a network chooses its moves itself."""
    menu = env.menu
    if isinstance(env, ThiefEnv):
        threat = env.match.grants.plain()
        budget = threat.pop("budget")
        played: dict[str, Json] = {"threat": {"grant": threat, "budget": budget}}
        if not isinstance(choice, Network):
            played["moves"] = [_move(menu, index) for index in choice]
        return played
    assert not isinstance(choice, Network)  # noqa: S101 - an owner's was asked already
    spec = menu.specs[choice[0]]
    verification = env.games[0][0].verification
    return {"scheme": spec.name, "settings": spec.settings, "verification": verification}


def _move(menu: Menu, index: int) -> dict[str, Json]:
    player, strength = menu.players[menu.player(index)], menu.strength(index)
    harsh: dict[str, Json] = {} if strength is None else {"strength": strength}
    return {"move": player.name, "settings": player.settings, **harsh}
