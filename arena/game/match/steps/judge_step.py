"""The referee's judgement of a round."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass

from arena.errors import PlayerError
from arena.game.court.referee import Alone, OwnerCase, Referee
from arena.game.match.grants import foreign
from arena.game.match.samples import samples
from arena.game.match.steps.alone_step import AloneStep
from arena.game.match.steps.protect_step import ProtectStep
from arena.game.match.steps.round_step import RoundStep
from arena.game.match.steps.step_cache import Inputs, Parts, Setting, Step
from arena.game.match.steps.train_step import TrainStep, yardstick_of, yardsticks
from arena.game.rules.keys import Key, Register
from arena.game.rules.score import TOLERANCE
from arena.game.serving.query_log import QueryLog
from arena.game.serving.wrapper import unpack_wrappers
from arena.game.sides.defense import defenses
from arena.game.sides.deliverable import Deliverable
from arena.world.bundle import Bundle
from arena.world.json_values import Json
from arena.world.models import unpack
from arena.world.rng import Rng
from arena.world.task import load_task

_ALONE: OrderedDict[str, Alone] = OrderedDict()
_REMEMBERED = 64
"""What this process found of the last models that thieves could have had, by their steps.

All matches with the same grants share these models, and asking them takes as long as judging.
"""


@dataclass(frozen=True)
class JudgeStep(Step):
    """The referee's judgement of a round. Parts "judgement", "samples"."""

    round: RoundStep
    protect: ProtectStep
    nulls: tuple[TrainStep, ...] = ()
    alone: tuple[AloneStep, ...] = ()
    tolerance: float = TOLERANCE

    @property
    def title(self) -> str:
        """Return what a person reads while it runs."""
        return f"judge {self.round.title}"

    def parents(self) -> tuple[Step, ...]:
        """Return the round, the protection, and the referee's own models."""
        own = (*self.nulls, *self.alone, *yardsticks(self.round.task))
        return (self.round, self.protect, *own)

    def recipe(self) -> dict[str, Json]:
        """Return what the verifier sees and a removal may cost; the parents say all else."""
        return {"verification": self.round.verification, "tolerance": self.tolerance}

    def compute(self, inputs: Inputs, setting: Setting) -> Parts:
        """Judge the deliverable."""
        played, protect = self.round, self.protect
        task = load_task(played.task, setting.cache)
        scheme, log = defenses.make(protect.defense), QueryLog.read(inputs(played, "log"))
        if played.protect != protect:
            _check_released(protect, played.protect, inputs)
        evidence = OwnerCase(
            scheme,
            scheme.evidence(Key.read(inputs(protect, "key")), log),
            unpack(inputs(protect, "victim")),
            Register.read(inputs(played, "register").data["lines"]),
            unpack_wrappers(inputs(protect, "serving")),
        )
        transfer = foreign(played.grants.transfer, "test", task, setting)
        referee = Referee(
            task,
            evidence,
            played.grants,
            played.verification,
            transfer,
            yardstick_of(played.task, inputs),
            self.tolerance,
        )
        nulls = [unpack(inputs(null, "model")) for null in self.nulls]
        deliverable = Deliverable.read(inputs(played, "deliverable"))
        started = time.perf_counter()
        rng = Rng(played.seed, played.stream).child("judge")
        alone = [self._alone(step, referee, inputs) for step in self.alone]
        judgement = referee.judge(deliverable, nulls, rng, alone)
        timed = judgement.model_copy(update={"judge_s": time.perf_counter() - started})
        shown = {"victim": evidence.victim}
        if deliverable.model is not None:
            shown["suspect"] = deliverable.model
        return {
            "judgement": Bundle(timed.plain()),
            "samples": samples(task, shown, scheme.trigger_images(evidence.key)),
        }

    def _alone(self, step: AloneStep, referee: Referee, inputs: Inputs) -> Alone:
        """Return how useful a model is that the thief could have had, found once a process."""
        if step.digest not in _ALONE:
            _ALONE[step.digest] = referee.alone(unpack(inputs(step, "model")))
            if len(_ALONE) > _REMEMBERED:
                _ALONE.popitem(last=False)
        return _ALONE[step.digest]


def _check_released(protect: ProtectStep, met: ProtectStep, inputs: Inputs) -> None:
    """Refuse an owner who released anything but what the thief met in its place.

    Raises:
        PlayerError: its scheme says of itself what is not so.
    """
    for part in ("victim", "serving"):
        if inputs(protect, part).digest() != inputs(met, part).digest():
            raise PlayerError(
                f"expected {protect.defense.name} to release the bare twin, as it says of itself, "
                f"found another {part}; declare invasive or answers_for = True"
            )
