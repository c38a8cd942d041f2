"""Tables: a match played along any path of moves; what was played before is looked up.

The result of a path is kept, so a replayed round costs one look-up here. What another table played
costs two in the memo: the thief's report and the judgement. No model is loaded for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from arena.game.court.referee import Judgement
from arena.game.match.agents import Observation
from arena.game.match.play import MatchSpec, observe
from arena.game.match.reports import ProtectionReport, RoundReport
from arena.game.match.steps.judge_step import JudgeStep
from arena.game.match.steps.round_step import RoundStep
from arena.game.match.steps.step_cache import Memo, Setting, Status, Step, StepFailed, resolve
from arena.game.rules.threat import METERS
from arena.game.sides.player import PlayerSpec
from arena.world.bundle import Bundle

MovePath = tuple[int, ...]
"""The position in a table's moves of each round's move."""


@dataclass(frozen=True)
class RoundResult:
    """What a round brought.

    Attributes:
        payoff: the thief's pay-off in [0, 1] if the match ended now.
        seen: what the thief knows now. spent: its meters, without the clock.
    """

    payoff: float
    seen: Observation
    spent: Mapping[str, float]


@dataclass(frozen=True)
class Failure:
    """A round that has no result. `message` is for the side at fault: it may hold its secrets."""

    status: Status
    fault: Literal["thief", "owner"]
    message: str


class Replay:
    """One match with one seed, and the moves that may be made in it."""

    def __init__(
        self, match: MatchSpec, moves: Sequence[PlayerSpec], memo: Memo, setting: Setting
    ) -> None:
        self.match, self.moves = match, tuple(moves)
        self._memo, self._setting = memo, setting
        self._protect = match.protect()
        self._steps: dict[MovePath, tuple[RoundStep, JudgeStep]] = {}
        self._results: dict[MovePath, RoundResult | Failure] = {}

    def protection(self) -> ProtectionReport | Failure:
        """Return the report of the owner's protection."""
        try:
            return ProtectionReport.model_validate(self._look_up(self._protect, "report").data)
        except StepFailed as error:
            return Failure(error.status, "owner", str(error))

    def play(self, path: MovePath) -> RoundResult | Failure:
        """Return what the last round of a path brought; the rounds before it have results."""
        if path not in self._results:
            self._results[path] = self._play(path)
        return self._results[path]

    def _play(self, path: MovePath) -> RoundResult | Failure:
        played, judged = self._steps_of(path)
        try:
            report = RoundReport.model_validate(self._look_up(played, "report").data)
        except StepFailed as error:  # SKIPPED: a parent failed, and only the protection can have
            return Failure(
                error.status, "owner" if error.status == "SKIPPED" else "thief", str(error)
            )
        try:
            judgement = Judgement.model_validate(self._look_up(judged, "judgement").data)
        except StepFailed as error:  # the referee refused the deliverable, or the verifier broke
            refused = error.status in ("INVALID", "FORFEIT", "LIMIT")
            return Failure(error.status, "thief" if refused else "owner", str(error))
        spent = {meter: report.meters.of(meter) for meter in METERS if meter != "wall_s"}
        seen = observe(self.match.grants, len(path) - 1, path[-1], report, judgement)
        return RoundResult(judgement.payoff, seen, spent)

    def _steps_of(self, path: MovePath) -> tuple[RoundStep, JudgeStep]:
        found = self._steps.get(path)
        if found is None:
            previous = self._steps_of(path[:-1])[0] if len(path) > 1 else None
            played = self.match.round(self.moves[path[-1]], previous, len(path) - 1)
            found = self._steps[path] = played, self.match.judge(played)
        return found

    def _look_up(self, step: Step, part: str) -> Bundle:
        return resolve(step, part, self._memo, self._setting)
