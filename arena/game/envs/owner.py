"""`arena/Owner-v0`: one learner protects, thieves are drawn from a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
from gymnasium.error import ResetNeeded

from arena.errors import ScenarioError
from arena.game.envs.actions import Menu, Pick, refuse_unplayable
from arena.game.envs.defaults import MOVES, SCHEMES, default_match
from arena.game.envs.observations import OwnerSight, Vector
from arena.game.envs.opponents import opponent_of
from arena.game.envs.render import RENDERING, Episode, Frame, Turn
from arena.game.envs.replay import Failure, Replay, RoundResult
from arena.game.match.agents import Action
from arena.game.match.play import MatchSpec, move_of
from arena.game.match.steps.step_cache import Memo, MemoryMemo, Setting
from arena.game.sides.defense import defenses
from arena.game.sides.player import PlayerSpec
from arena.world.json_values import Json

Game = tuple[MatchSpec, Sequence[Action]]
"""A match and its thief's script, as a scenario yields them; the learner replaces the owner."""


class OwnerEnv(gymnasium.Env[Vector, Pick]):
    """An owner learns which scheme, and how strong a mark, holds against the thieves it may meet.

    ## Description
    The owner chooses a scheme and its strength and releases the protected model. Then a thief
    that was drawn from the scenario plays its script, and the referee judges the last round. The
    owner does not learn beforehand who comes. What was played before is looked up in the memo.

    ## Action Space
    `MultiDiscrete([n_schemes, n_strengths])`: which scheme, and how strong from 0 to `n_strengths
    - 1`. With one strength the schemes keep the hyper-parameters they are given with.

    ## Observation Space
    `Box(0, 1, (n,), float32)`; `observation_names` says what each number is: whether the model is
    still to be released, the accuracy that protection cost, the strength, the scheme (one-hot).

    ## Rewards
    1 minus the thief's pay-off. Fidelity is reported in `info` and never mixed into the reward; a
    learner that is to pay for it subtracts it itself.

    ## Starting State
    Nothing released; a thief drawn at random from `games`. `reset(options={"opponent": i})` takes
    the i-th of `opponents`.

    ## Episode End
    Terminated after one step. Truncated, with reward 0, when the protection, a move of the thief
    or a judgement fails; `info["status"]` and `info["fault"]` say how and whose failure it was.

    ## Arguments
    * `games`: matches and the scripts of their thieves, as `Scenario.matches` yields them.
      Default: each of a few fine-tuning thieves on the digits.
    * `schemes`: the schemes on offer. `n_strengths`: how many strengths each has.
    * `memo`: where results are kept; a tournament's artefact store is one. `setting`: where steps
      run.
    * `render_mode`: "ansi" (a table) or "rgb_array" (a picture).

    ## Version History
    * v0: first version.
    """

    metadata: dict[str, Any] = RENDERING
    n_rounds = 1

    def __init__(
        self,
        *,
        games: Sequence[Game] | None = None,
        schemes: Sequence[PlayerSpec] = SCHEMES,
        n_strengths: int = 3,
        memo: Memo | None = None,
        setting: Setting | None = None,
        render_mode: str | None = None,
    ) -> None:
        """Look up schemes and thieves.

        Raises:
            RegistryError: a scheme is unknown or does not take its settings.
            ScenarioError: a thief needs more than its match grants.
        """
        self.games = _checked(default_games() if games is None else games)
        self.render_mode = render_mode
        self.menu = Menu(defenses, schemes, n_strengths)
        self._sight = OwnerSight(self.menu)
        self.observation_names = self._sight.names
        self.action_space = self.menu.space
        self.observation_space = self._sight.space
        self._memo = MemoryMemo() if memo is None else memo
        self._setting = setting or Setting()
        self._tables: dict[tuple[int, int], Replay] = {}
        self.opponents = tuple(f"{match.thief}-{match.repeat}" for match, _ in self.games)
        self._game = -1  # which thief comes; none between episodes
        self._board = Episode()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Vector, dict[str, Json]]:
        """Begin an episode; nothing is trained before the step."""
        super().reset(seed=seed)
        self._game = opponent_of(options, len(self.games), self.np_random)
        self._board = Episode("release")
        return self._sight.row(), {"status": "OK"}

    def step(self, action: Pick) -> tuple[Vector, float, bool, bool, dict[str, Json]]:
        """Release a model, and let the thief play.

        Raises:
            ResetNeeded: no episode is running. ValueError: the action is not in its space.
        """
        if self._game < 0:
            raise ResetNeeded("expected a running episode, found none; call reset() first")
        index = self.menu.index(action)
        table = self._table(self._game, index)
        self._game, self._board.title = -1, table.match.title
        scheme = self.menu.names[self.menu.player(index)]
        info: dict[str, Json] = {"scheme": scheme, "thief": table.match.thief, "status": "OK"}
        released = table.protection()
        if isinstance(released, Failure):
            return self._broken(released, index, 0.0, info)
        loss = released.fidelity_loss
        strength = self.menu.strength(index)
        turn = Turn("owner", scheme, strength, "OK", released.utility, 0.0)
        self._board.turns.append(turn)
        result = self._thief_plays(table)
        info |= {"fidelity_loss": loss}
        if isinstance(result, Failure):
            return self._broken(result, index, loss, info)
        info |= {"thief_payoff": result.payoff}
        return self._sight.row(index, loss), 1 - result.payoff, True, False, info

    def _broken(
        self, failure: Failure, index: int, loss: float, info: dict[str, Json]
    ) -> tuple[Vector, float, bool, bool, dict[str, Json]]:
        info |= {"status": failure.status, "fault": failure.fault}
        if failure.fault == "owner":
            info |= {"message": failure.message}
        return self._sight.row(index, loss), 0.0, False, True, info

    def _thief_plays(self, table: Replay) -> RoundResult | Failure:
        """Return what the thief's last round brought, or its first failure."""
        for n in range(1, len(table.moves) + 1):
            result = table.play(tuple(range(n)))
            move = table.moves[n - 1].name
            if isinstance(result, Failure):
                self._board.turns.append(Turn("thief", move, None, result.status, 0.0, 0.0))
                return result
            seen = result.seen
            turn = Turn("thief", move, None, "OK", seen.own_utility, result.payoff)
            self._board.turns.append(turn)
        return result

    def _table(self, game: int, index: int) -> Replay:
        if (game, index) not in self._tables:
            match, script = self.games[game]
            scheme = self.menu.specs[index]
            changes = {"defense": scheme, "owner": scheme.name}
            moves = [move_of(action) for action in script]
            table = Replay(match.model_copy(update=changes), moves, self._memo, self._setting)
            self._tables[game, index] = table
        return self._tables[game, index]

    def render(self) -> str | Frame | None:
        """Return the episode so far as `render_mode` has it."""
        return self._board.render(self.render_mode)


def _checked(games: Sequence[Game]) -> tuple[Game, ...]:
    if not games or not all(script for _, script in games):
        raise ScenarioError(["expected a thief with a move in every game, found none"])
    for match, script in games:
        refuse_unplayable(match, [action.move for action in script])
    return tuple(games)


def default_games() -> list[Game]:
    """Return a match of one round for each of the default moves."""
    match = default_match()
    return [(match.model_copy(update={"thief": move.name}), (Action(move),)) for move in MOVES]
