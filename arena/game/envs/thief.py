"""`arena/Thief-v0`: one learner attacks, the owner is scripted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
from gymnasium.error import ResetNeeded

from arena.errors import PlayerError
from arena.game.envs.actions import Menu, Pick, refuse_unplayable
from arena.game.envs.defaults import MOVES, default_match
from arena.game.envs.learned_agent import Learned, Policy
from arena.game.envs.observations import START, ThiefSight, Vector
from arena.game.envs.opponents import opponent_of, seeded
from arena.game.envs.render import RENDERING, Episode, Frame, Turn
from arena.game.envs.replay import Failure, MovePath, Replay, RoundResult
from arena.game.match.play import MatchSpec
from arena.game.match.steps.step_cache import Memo, MemoryMemo, Setting
from arena.game.sides.attack import attacks
from arena.game.sides.player import PlayerSpec
from arena.world.json_values import Json


class ThiefEnv(gymnasium.Env[Vector, Pick]):
    """A thief learns which moves, and how harsh, make a stolen model unrecognisable.

    ## Description
    The owner has protected and released a model. In each step the thief makes one move on its
    current suspect (at first the victim itself), and the referee judges what it delivers. A
    sequence of actions that was played before with the same seed is looked up in the memo and
    costs no training.

    ## Action Space
    `MultiDiscrete([n_moves, n_strengths])`: which move, and how harsh it is from 0 (mild) to
    `n_strengths - 1`. With one strength the moves keep the hyper-parameters they are given with.

    ## Observation Space
    `Box(0, 1, (n,), float32)`; `observation_names` says what each number is: the share of rounds
    left, the accuracy on the thief's own labelled data (0 before the first move), the last move
    (one-hot) and its strength, the share left of each limited budget. "caught" is there only
    where the threat model grants calls of the verifier; 0.5 stands for not known yet. The key is
    never there, and `info` holds the verdict neither.

    ## Rewards
    The change in the thief's pay-off (what it gained over going alone, as a share of the victim's
    lead, if it is not caught, else nothing), so that the return of an episode is the final
    pay-off, in [0, 1].
    The reward gives the verdict away: that is the point of training, and why a policy that is to
    be scored plays without it.

    ## Starting State
    No move made, every budget full. The match is drawn from `match` and `others`, and its seed
    from `n_seeds` consecutive ones, so the victim is one of that many; `reset(options={"opponent":
    i})` takes the i-th of `opponents`.

    ## Episode End
    Terminated after `n_rounds` moves. Truncated when a move or its judgement fails (over the
    budget, an error, a deliverable that cannot be judged): the last reward makes the return 0 and
    `info["status"]` says what happened. An owner that cannot protect its model at all is an
    error.

    ## Arguments
    * `match`: the match to play; `match.defense` is the owner. Default: Uchida on the digits.
    * `others`: further matches that an episode may be, under the same threat model.
    * `moves`: the moves on offer. `n_strengths`: how many strengths each has. `n_rounds`: moves
      in an episode. `n_seeds`: different victims.
    * `memo`: where results are kept; a tournament's artefact store is one. `setting`: where steps
      run.
    * `render_mode`: "ansi" (a table) or "rgb_array" (a picture).

    ## Version History
    * v0: first version.
    """

    metadata: dict[str, Any] = RENDERING

    def __init__(
        self,
        *,
        match: MatchSpec | None = None,
        others: Sequence[MatchSpec] = (),
        moves: Sequence[PlayerSpec] = MOVES,
        n_strengths: int = 3,
        n_rounds: int = 2,
        n_seeds: int = 1,
        memo: Memo | None = None,
        setting: Setting | None = None,
        render_mode: str | None = None,
    ) -> None:
        """Check the moves against the threat model.

        Raises:
            RegistryError: a move is unknown or does not take its settings.
            ScenarioError: a move needs more than the match grants.
        """
        self.match = default_match() if match is None else match
        self.render_mode = render_mode
        self.menu = Menu(attacks, moves, n_strengths)
        refuse_unplayable(self.match, moves)
        self._sight = ThiefSight(self.match.grants, self.menu, n_rounds)
        self.observation_names = self._sight.names
        self.action_space = self.menu.space
        self.observation_space = self._sight.space
        self.n_rounds = n_rounds
        self._matches = tuple(
            seeded(one, i) for one in (self.match, *others) for i in range(n_seeds)
        )
        self.opponents = tuple(
            f"{one.owner}-{one.repeat}" + (f"-seed{one.seed}" if n_seeds > 1 else "")
            for one in self._matches
        )
        self._memo = MemoryMemo() if memo is None else memo
        self._setting = setting or Setting()
        self._tables: dict[int, Replay] = {}
        self._table: Replay | None = None
        self._path: MovePath = ()
        self._payoff, self._seen, self._board = 0.0, START, Episode()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Vector, dict[str, Json]]:
        """Begin an episode; nothing is trained before the first move."""
        super().reset(seed=seed)
        chosen = opponent_of(options, len(self._matches), self.np_random)
        match = self._matches[chosen]
        if chosen not in self._tables:
            self._tables[chosen] = Replay(match, self.menu.specs, self._memo, self._setting)
        self._table, self._path = self._tables[chosen], ()
        self._payoff, self._seen, self._board = 0.0, START, Episode(match.title)
        return self._sight.row(START), {"round": 0, "status": "OK"}

    def step(self, action: Pick) -> tuple[Vector, float, bool, bool, dict[str, Json]]:
        """Make a move.

        Raises:
            ResetNeeded: no episode is running. ValueError: the action is not in its space.
            PlayerError: the owner cannot protect its model, so nothing can be played.
        """
        if self._table is None:
            raise ResetNeeded("expected a running episode, found none; call reset() first")
        index = self.menu.index(action)
        self._path = (*self._path, index)
        result = self._table.play(self._path)
        if isinstance(result, Failure):
            reward, info = -self._payoff, self._failed(result)
            self._payoff = 0.0
        else:
            reward, info = result.payoff - self._payoff, _told(result)
            self._payoff, self._seen = result.payoff, result.seen
        self._note(index, str(info["status"]))
        truncated = isinstance(result, Failure)
        terminated = not truncated and len(self._path) == self.n_rounds
        if terminated or truncated:
            self._table = None
        info |= {"move": self.menu.names[self.menu.player(index)], "round": len(self._path)}
        return self._sight.row(self._seen), reward, terminated, truncated, info

    def _failed(self, failure: Failure) -> dict[str, Json]:
        if failure.status == "SKIPPED":
            raise PlayerError(
                f"expected a protected model from {self.match.owner}, found none: {failure.message}"
            )
        told = failure.message if failure.fault == "thief" else "the owner's verification failed"
        return {"status": failure.status, "message": told}

    def _note(self, index: int, status: str) -> None:
        seen, strength = self._seen, self.menu.strength(index)
        left = self._sight.budgets(seen)
        name = self.menu.names[self.menu.player(index)]
        turn = Turn("thief", name, strength, status, seen.own_utility, self._payoff, left)
        self._board.turns.append(turn)

    def agent(self, policy: Policy) -> Learned:
        """Return a policy that was trained here as an agent for matches and tournaments."""
        return Learned(policy, self.menu, self._sight, self.n_rounds)

    def render(self) -> str | Frame | None:
        """Return the episode so far as `render_mode` has it."""
        return self._board.render(self.render_mode)


def _told(outcome: RoundResult) -> dict[str, Json]:
    """Return what a thief is told after a round: its own figures."""
    return {
        "status": "OK",
        "own_utility": outcome.seen.own_utility,
        "spent": dict(outcome.spent),
    }
