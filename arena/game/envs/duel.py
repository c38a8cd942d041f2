"""Both sides learn: the owner releases, then the thief moves. A PettingZoo AEC environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import MultiDiscrete, Space
from gymnasium.utils import seeding
from pettingzoo import AECEnv
from pettingzoo.utils.wrappers import OrderEnforcingWrapper

from arena.game.envs.actions import Menu, Pick, refuse_unplayable
from arena.game.envs.defaults import MOVES, SCHEMES, default_match
from arena.game.envs.observations import START, OwnerSight, ThiefSight, Vector
from arena.game.envs.opponents import seeded
from arena.game.envs.render import RENDERING, Episode, Frame, Turn
from arena.game.envs.replay import Failure, MovePath, Replay
from arena.game.match.play import MatchSpec
from arena.game.match.steps.step_cache import Memo, MemoryMemo, Setting
from arena.game.sides.attack import attacks
from arena.game.sides.defense import defenses
from arena.game.sides.player import PlayerSpec
from arena.world.json_values import Json

OWNER, THIEF = "owner", "thief"
NAMED = {**RENDERING, "name": "arena_duel_v0", "is_parallelizable": False}


class DuelEnv(AECEnv[str, Vector, Pick | None]):  # type: ignore[misc]  # it ships no types
    """Owner against thief, both of them learners; turns are phases.

    ## Description
    Phase 1: the owner chooses a scheme and its strength and releases the protected model. Phase
    2: the thief makes `n_rounds` moves, each on what it delivered before, and each is judged.
    What was played before is looked up in the memo.

    ## Action Space
    "owner": `MultiDiscrete([n_schemes, n_strengths])`. "thief": `MultiDiscrete([n_moves,
    n_strengths])`.

    ## Observation Space
    Boxes of numbers in [0, 1]; `observation_names` says what each is. "owner" sees what it
    released and the accuracy that this cost; "thief" sees what it sees in `arena/Thief-v0`, and
    the scheme only where the threat model grants that it is known. Neither sees the key or the
    other's figures.

    ## Rewards
    Zero-sum around 1: the owner receives 1 when its model is out and loses what the thief gains;
    the thief receives the change in its pay-off. So the two returns add up to 1.

    ## Starting State
    Nothing released. The match's seed is drawn from `n_seeds` consecutive ones.

    ## Episode End
    Terminated after the thief's last round. Truncated when the protection, a move or a judgement
    fails: both returns become 0, for no score is made of an exception; `infos` hold the status.

    ## Arguments
    * `match`: the match to play; its owner is replaced. `schemes`, `moves`: what is on offer.
    * `n_strengths`, `n_rounds`, `n_seeds`, `memo`, `setting`, `render_mode`: as in
      `arena/Thief-v0`.

    ## Version History
    * v0: first version.
    """

    metadata: dict[str, Any] = NAMED

    def __init__(
        self,
        *,
        match: MatchSpec | None = None,
        schemes: Sequence[PlayerSpec] = SCHEMES,
        moves: Sequence[PlayerSpec] = MOVES,
        n_strengths: int = 3,
        n_rounds: int = 2,
        n_seeds: int = 1,
        memo: Memo | None = None,
        setting: Setting | None = None,
        render_mode: str | None = None,
    ) -> None:
        """Look up both sides' players; raises like `ThiefEnv`."""
        super().__init__()
        self.match = default_match() if match is None else match
        self.render_mode = render_mode
        self.menus = {
            OWNER: Menu(defenses, schemes, n_strengths),
            THIEF: Menu(attacks, moves, n_strengths),
        }
        refuse_unplayable(self.match, moves)
        names = self.menus[OWNER].names
        self._owner_sight = OwnerSight(self.menus[OWNER])
        self._thief_sight = ThiefSight(self.match.grants, self.menus[THIEF], n_rounds, names)
        sights: dict[str, OwnerSight | ThiefSight] = {
            OWNER: self._owner_sight,
            THIEF: self._thief_sight,
        }
        self.observation_names = {agent: sight.names for agent, sight in sights.items()}
        self.observation_spaces = {agent: sight.space for agent, sight in sights.items()}
        self.action_spaces = {agent: menu.space for agent, menu in self.menus.items()}
        self.possible_agents = [OWNER, THIEF]
        self.agents: list[str] = []
        self.n_rounds, self.n_seeds = n_rounds, n_seeds
        self._memo = MemoryMemo() if memo is None else memo
        self._setting = setting or Setting()
        self._tables: dict[tuple[int, int], Replay] = {}
        self._random: np.random.Generator | None = None

    def observation_space(self, agent: str) -> Space[Vector]:
        """Return the space of an agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> MultiDiscrete:
        """Return the space of an agent's actions."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Begin an episode with the owner's turn; nothing is trained yet."""
        if seed is not None or self._random is None:
            self._random, _ = seeding.np_random(seed)
        self._seed = self.match.seed + int(self._random.integers(self.n_seeds))
        self._table: Replay | None = None
        self._released, self._loss = -1, 0.0
        self._path: MovePath = ()
        self._payoff, self._seen = 0.0, START
        self._board = Episode("duel")
        self.agents = list(self.possible_agents)
        self.agent_selection = OWNER
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos: dict[str, dict[str, Json]]
        self.infos = {agent: {"status": "OK"} for agent in self.agents}

    def observe(self, agent: str) -> Vector:
        """Return what an agent sees."""
        if agent == OWNER:
            return self._owner_sight.row(self._released, self._loss)
        scheme = self.menus[OWNER].player(self._released) if self._released >= 0 else -1
        return self._thief_sight.row(self._seen, scheme)

    def step(self, action: Pick | None) -> None:
        """Take the turn of `agent_selection`.

        Raises:
            ValueError: the action is not in the agent's space.
        """
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        if action is None:
            raise ValueError(f"expected an action of the {agent}, found None")
        self._cumulative_rewards[agent] = 0.0
        self.rewards = dict.fromkeys(self.agents, 0.0)
        (self._release if agent == OWNER else self._move)(self.menus[agent].index(action))
        self._accumulate_rewards()

    def _release(self, index: int) -> None:
        self._table = self._table_of(index)
        report = self._table.protection()
        if isinstance(report, Failure):
            self._fail(report)
            return
        self._released, self._loss = index, report.fidelity_loss
        self.infos[OWNER] = {"status": "OK", "fidelity_loss": self._loss}
        self.rewards[OWNER] = 1.0
        self._note(OWNER, index, report.utility)
        self.agent_selection = THIEF

    def _move(self, index: int) -> None:
        assert self._table is not None  # noqa: S101 - the owner's turn comes first
        self._path = (*self._path, index)
        result = self._table.play(self._path)
        if isinstance(result, Failure):
            self._fail(result)
            return
        gain = result.payoff - self._payoff
        self.rewards = {OWNER: -gain, THIEF: gain}
        self._payoff, self._seen = result.payoff, result.seen
        self.infos[THIEF] = {
            "status": "OK",
            "own_utility": result.seen.own_utility,
            "spent": dict(result.spent),
        }
        self._note(THIEF, index, result.seen.own_utility)
        if len(self._path) == self.n_rounds:
            self.terminations = dict.fromkeys(self.agents, True)

    def _fail(self, failure: Failure) -> None:
        """End the episode with two returns of 0; only the side at fault is told what went wrong."""
        given = float(self._released >= 0)
        self.rewards = {OWNER: self._payoff - given, THIEF: -self._payoff}
        self.truncations = dict.fromkeys(self.agents, True)
        self.infos = {agent: {"status": failure.status} for agent in self.agents}
        self.infos[failure.fault]["message"] = failure.message

    def _table_of(self, index: int) -> Replay:
        key = (self._seed, index)
        if key not in self._tables:
            scheme = self.menus[OWNER].specs[index]
            one = seeded(self.match, self._seed - self.match.seed)
            match = one.model_copy(update={"defense": scheme, "owner": scheme.name})
            specs = self.menus[THIEF].specs
            self._tables[key] = Replay(match, specs, self._memo, self._setting)
        return self._tables[key]

    def _note(self, agent: str, index: int, utility: float) -> None:
        menu = self.menus[agent]
        name, strength = menu.names[menu.player(index)], menu.strength(index)
        left = self._thief_sight.budgets(self._seen) if agent == THIEF else {}
        self._board.turns.append(Turn(agent, name, strength, "OK", utility, self._payoff, left))

    def render(self) -> str | Frame | None:
        """Return the episode so far as `render_mode` has it."""
        return self._board.render(self.render_mode)

    def close(self) -> None:
        """Release nothing: there is no window."""


def aec_env(
    *,
    match: MatchSpec | None = None,
    schemes: Sequence[PlayerSpec] = SCHEMES,
    moves: Sequence[PlayerSpec] = MOVES,
    n_strengths: int = 3,
    n_rounds: int = 2,
    n_seeds: int = 1,
    memo: Memo | None = None,
    setting: Setting | None = None,
    render_mode: str | None = None,
) -> OrderEnforcingWrapper[str, Vector, Pick | None]:
    """Return a `DuelEnv` whose methods must be called in order; the arguments are the same."""
    duel = DuelEnv(
        match=match,
        schemes=schemes,
        moves=moves,
        n_strengths=n_strengths,
        n_rounds=n_rounds,
        n_seeds=n_seeds,
        memo=memo,
        setting=setting,
        render_mode=render_mode,
    )
    return OrderEnforcingWrapper(duel)
