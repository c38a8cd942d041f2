"""Training from scratch: a victim's unprotected twin, or an innocent."""

from __future__ import annotations

from dataclasses import dataclass

from arena.game.match.grants import training_data
from arena.game.match.step_cache import Inputs, Parts, Setting, Step
from arena.game.match.utility import accuracy_on_test
from arena.game.rules.innocents import Half
from arena.game.rules.meters import Meters
from arena.world.bundle import Bundle
from arena.world.json_values import Json
from arena.world.models import build, pack
from arena.world.rng import Rng
from arena.world.task import TaskSpec, load_task
from arena.world.training import Examples, Trainer


@dataclass(frozen=True)
class TrainStep(Step):
    """Trains an unprotected model from scratch: a victim's twin, or an innocent.

    `half` is whose data it learns from: the owner's (Neg-1), the other half (Neg-2), or those of
    another source (Neg-3).
    """

    task: TaskSpec
    seed: int
    stream: tuple[str, ...]
    half: Half = "owner"
    architecture: str = ""

    @property
    def title(self) -> str:
        """Return what a person reads while it runs."""
        return f"train {'/'.join(self.stream)}"

    def parents(self) -> tuple[Step, ...]:
        """Return nothing: training needs only the task."""
        return ()

    def recipe(self) -> dict[str, Json]:
        """Return the parameters."""
        return {
            "task": self.task.plain(),
            "seed": self.seed,
            "stream": list(self.stream),
            "half": self.half,
            "architecture": self.architecture,
        }

    def rng(self) -> Rng:
        """Return the randomness of this model."""
        return Rng(self.seed, self.stream)

    def compute(self, inputs: Inputs, setting: Setting) -> Parts:
        """Train; part "model", and "report" with what it cost."""
        task = load_task(self.task, setting.cache)
        card = task.card_for(self.architecture) if self.architecture else task.card
        data = training_data(task, self.half)
        meters, rng = Meters(), self.rng()
        model = build(card, rng.child("initial"))
        trainer = Trainer(task.compute, meters, setting.progress)
        trainer.train(model, Examples.of(data), task.spec.recipe, rng.child("training"))
        report = {"utility": accuracy_on_test(task, model), "meters": meters.reading()}
        return {"model": pack(model), "report": Bundle(report)}
