"""An owner protects its model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from arena.errors import PlayerError
from arena.game.match.reports import ProtectionReport, TrainReport
from arena.game.match.steps.step_cache import Inputs, Parts, Setting, Step
from arena.game.match.steps.train_step import TrainStep, exam_of, yardsticks
from arena.game.match.utility import bare_utility, served_utility
from arena.game.rules.keys import Register
from arena.game.rules.meters import Meters
from arena.game.serving.wrapper import pack_wrappers
from arena.game.sides.defense import OwnerTask, Protected, defenses
from arena.game.sides.lab import Lab
from arena.game.sides.needs import Offer, unmet
from arena.game.sides.player import PlayerSpec
from arena.world.bundle import Bundle
from arena.world.json_values import Json
from arena.world.models import Model, pack, unpack
from arena.world.rng import Rng
from arena.world.task import load_task
from arena.world.training import History

OWNER_TIME = 1
"""The logical time at which an owner commits: before publication, after the earliest claimants."""


@dataclass(frozen=True)
class ProtectStep(Step):
    """Lets an owner protect its model.

    Parts: "victim", "key", "serving", "register", "exposed", "report".
    """

    base: TrainStep
    defense: PlayerSpec
    seed: int
    stream: tuple[str, ...]
    nulls: tuple[TrainStep, ...] = ()

    @property
    def title(self) -> str:
        """Return what a person reads while it runs."""
        return f"protect with {self.defense.name}"

    def parents(self) -> tuple[Step, ...]:
        """Return the unprotected twin, null models for schemes that calibrate, and yardsticks."""
        return (self.base, *self.nulls, *yardsticks(self.base.task))

    def recipe(self) -> dict[str, Json]:
        """Return the parameters, and the version of the scheme's own code."""
        return {
            "defense": self.defense.plain(),
            "code": defenses.find(self.defense.name).version(),
            "seed": self.seed,
            "stream": list(self.stream),
        }

    def compute(self, inputs: Inputs, setting: Setting) -> Parts:
        """Protect, commit, and measure what protection cost."""
        task = load_task(self.base.task, setting.cache)
        scheme, base = defenses.make(self.defense), unpack(inputs(self.base, "model"))
        meters = Meters()

        def nulls() -> Sequence[Model]:
            return [unpack(inputs(null, "model")) for null in self.nulls]

        trained: list[tuple[Model, History]] = []
        lab = Lab(task.compute, meters, setting.progress, lambda *found: trained.append(found))
        owner = OwnerTask.from_task(task, base, lab, self.base.rng(), nulls)
        halves, kinds = ((null.half for null in self.nulls), (null.kind for null in self.nulls))
        owner = replace(owner, null_halves=tuple(halves), null_kinds=tuple(kinds))
        protected = scheme.protect(owner, Rng(self.seed, self.stream).sealed())
        if not isinstance(protected, Protected):
            raise PlayerError(f"expected Protected from {self.defense.name}, found {protected!r}")
        for wrapper in protected.serving:
            for problem in unmet(wrapper, Offer(protected.model.card)):
                raise PlayerError(f"{self.defense.name} cannot be served: {problem}")
        register = Register()
        if scheme.protocol != "none":
            model = protected.model.digest()
            register.enter("owner", protected.key.commitment(), OWNER_TIME, model)
        client = Rng(self.seed, self.stream).child("client", "fidelity")
        exam = exam_of(task, inputs)
        twin = TrainReport.model_validate(inputs(self.base, "report").data)
        report = ProtectionReport(
            utility=served_utility(task, exam, protected.model, protected.serving, client),
            base_utility=bare_utility(task, exam, base),
            base_meters=twin.meters,
            meters=meters.reading(),
            losses=_losses(protected.model, trained, base, twin),
        )
        return {
            "victim": pack(protected.model),
            "key": protected.key.bundle(),
            "serving": pack_wrappers(protected.serving),
            "register": Bundle({"lines": register.plain()}),
            "exposed": scheme.exposed(protected.key),
            "report": Bundle(report.plain()),
        }


def _losses(
    victim: Model, trained: Sequence[tuple[Model, History]], base: Model, twin: TrainReport
) -> tuple[float, ...]:
    """Return the losses of training a victim: its last training, or its twin's if it is the twin.

    Nothing where its owner trained it outside of its laboratory.
    """
    own = [history.losses for model, history in trained if model is victim]
    if own:
        return tuple(own[-1])
    return twin.losses if victim.digest() == base.digest() else ()
