"""The owner's verification of innocents that nothing was calibrated on."""

from __future__ import annotations

from dataclasses import dataclass

from arena.game.match.reports import Innocents, InnocentVerdict, TrainReport
from arena.game.match.steps.protect_step import ProtectStep
from arena.game.match.steps.step_cache import Inputs, Parts, Setting, Step
from arena.game.match.steps.train_step import TrainStep
from arena.game.match.visit import visit
from arena.game.rules.keys import Key
from arena.game.serving.wrapper import unpack_wrappers
from arena.game.sides.defense import defenses
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.suspect import Suspect
from arena.world.bundle import Bundle
from arena.world.json_values import Json
from arena.world.kinds.interface import Output
from arena.world.models import unpack
from arena.world.rng import Rng
from arena.world.task import Task, load_task


@dataclass(frozen=True)
class InnocentsStep(Step):
    """The owner's verification of innocents that nothing was calibrated on. Part "verdicts"."""

    protect: ProtectStep
    innocents: tuple[TrainStep, ...]
    verification: Output = "weights"

    @property
    def title(self) -> str:
        """Return what a person reads while it runs."""
        return f"{self.protect.defense.name} on {len(self.innocents)} innocents"

    @property
    def turns(self) -> int:
        """Return how many innocents there are: each has the time of a suspect."""
        return max(1, len(self.innocents))

    def parents(self) -> tuple[Step, ...]:
        """Return the protection and the innocents."""
        return (self.protect, *self.innocents)

    def recipe(self) -> dict[str, Json]:
        """Return the parameters."""
        return {"verification": self.verification}

    def compute(self, inputs: Inputs, setting: Setting) -> Parts:
        """Verify each innocent as if it were a suspect, in an order that no owner can foresee."""
        task = load_task(self.protect.base.task, setting.cache)
        scheme = defenses.make(self.protect.defense)
        rng = Rng(self.protect.seed, self.protect.stream)
        key = self._key(task, inputs, rng.child("client", "visitor"))
        found: dict[int, InnocentVerdict] = {}
        for i in rng.child("order").numpy().permutation(len(self.innocents)).tolist():
            innocent = self.innocents[i]
            model = unpack(inputs(innocent, "model"))
            chance = rng.child("suspect", i)  # what an innocent writes is as random as its key
            suspect = Suspect.of(Deliverable(model), self.verification, task.compute, chance)
            verdict = scheme.verify(key, suspect, rng.child("innocent", i))
            trained = TrainReport.model_validate(inputs(innocent, "report").data)
            found[i] = InnocentVerdict(kind=innocent.kind, utility=trained.utility, verdict=verdict)
        verdicts = tuple(found[i] for i in sorted(found))
        return {"verdicts": Bundle(Innocents(verdicts=verdicts).plain())}

    def _key(self, task: Task, inputs: Inputs, client: Rng) -> Key:
        """Return the owner's key, with what it finds in the log of a visit where it reads that."""
        scheme, key = defenses.make(self.protect.defense), Key.read(inputs(self.protect, "key"))
        if not scheme.reads_log:
            return key
        victim = unpack(inputs(self.protect, "victim"))
        serving = unpack_wrappers(inputs(self.protect, "serving"))
        return scheme.evidence(key, visit(task, victim, serving, client))
