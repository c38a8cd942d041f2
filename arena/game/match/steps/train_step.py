"""Training from scratch: a victim's unprotected twin, or an innocent."""

from __future__ import annotations

from dataclasses import dataclass

from arena.game.match.grants import training_data
from arena.game.match.reports import TrainReport
from arena.game.match.steps.step_cache import Inputs, Parts, Setting, Step
from arena.game.match.utility import bare_utility
from arena.game.rules.innocents import NEGATIVES, Half
from arena.game.rules.meters import Meters
from arena.world.bundle import Bundle
from arena.world.json_values import Json
from arena.world.kinds.kind import Exam
from arena.world.models import Model, pack, unpack
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from arena.world.training import Examples, Trainer
from arena.world.training.variants import VARIANTS, Variant


@dataclass(frozen=True)
class TrainStep(Step):
    """Trains an unprotected model from scratch: a victim's twin, or an innocent.

    `half` is whose data it learns from: the owner's (Neg-1), the other half (Neg-2), or those of
    another source (Neg-3); or it is a yardstick of the referee's and learns from that part of the
    other half which no thief has. `variant` is what else it differs by, of `VARIANTS`, nothing for
    the task's own recipe.
    """

    task: TaskSpec
    seed: int
    stream: tuple[str, ...]
    half: Half = "owner"
    architecture: str = ""
    variant: str = ""

    @property
    def kind(self) -> str:
        """Return what it is as an innocent: its variant, its architecture, Neg-1 or Neg-2."""
        return self.variant or self.architecture or NEGATIVES.get(self.half, self.half)

    @property
    def title(self) -> str:
        """Return what a person reads while it runs."""
        return f"train {'/'.join(self.stream)}"

    def parents(self) -> tuple[Step, ...]:
        """Return what the kind of task measures utility with, where it needs that.

        A yardstick is measured by none.
        """
        return () if self.half == "calibration" else yardsticks(self.task)

    def recipe(self) -> dict[str, Json]:
        """Return the parameters."""
        return {
            "task": self.task.identity(),
            "seed": self.seed,
            "stream": list(self.stream),
            "half": self.half,
            "architecture": self.architecture,
            "variant": VARIANTS[self.variant].plain() if self.variant else {},
        }

    def rng(self) -> Rng:
        """Return the randomness of this model."""
        return Rng(self.seed, self.stream).sealed()

    def compute(self, inputs: Inputs, setting: Setting) -> Parts:
        """Train; part "model", and "report" with what it cost."""
        task = load_task(self.task, setting.cache)
        differs = VARIANTS[self.variant] if self.variant else Variant()
        card = task.card_for(self.architecture) if self.architecture else task.card
        card = differs.card(card)
        data = training_data(task, self.half)
        meters, rng = Meters(), self.rng()
        examples = differs.examples(Examples.of(data), rng.child("variant"))
        recipe = differs.recipe_for(task.spec.recipe, len(examples))
        model = task.started(card, rng.child("initial"))
        trainer = Trainer(task.compute, meters, setting.progress)
        history = trainer.train(model, examples, recipe, rng.child("training"), differs.hooks(card))
        exam = exam_of(task, inputs) if self.parents() else task.exam()
        utility = bare_utility(task, exam, model)
        report = TrainReport(utility=utility, meters=meters.reading(), losses=tuple(history.losses))
        return {"model": pack(model), "report": Bundle(report.plain())}


def yardsticks(spec: TaskSpec) -> tuple[TrainStep, ...]:
    """Return the training of the referee's model that utility is measured with, if there is one.

    It is a parent of every step that measures, so it is trained once and stored.
    """
    measured_with = spec.kind().yardstick(spec)
    if measured_with is None:
        return ()
    return (TrainStep(measured_with, spec.seed, ("yardstick",), "calibration"),)


def yardstick_of(spec: TaskSpec, inputs: Inputs) -> Model | None:
    """Return the yardstick of a task; None where its kind needs none."""
    return next((unpack(inputs(step, "model")) for step in yardsticks(spec)), None)


def exam_of(task: Task, inputs: Inputs) -> Exam:
    """Return how a step measures models of its task."""
    return task.exam(yardstick_of(task.spec, inputs))
