"""Training from scratch: a victim's unprotected twin, or an innocent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from arena.game.match.reports import TrainReport
from arena.game.match.step_cache import Inputs, Parts, Setting, Step
from arena.game.match.utility import accuracy_on_test
from arena.game.rules.meters import Meters
from arena.world.bundle import Bundle
from arena.world.json_values import Json
from arena.world.models import build, pack
from arena.world.rng import Rng
from arena.world.task import TaskSpec, load_task
from arena.world.training import Examples, Trainer
from arena.world.training.variants import VARIANTS, Variant

Half = Literal["owner", "other"]
KINDS: dict[Half, str] = {"owner": "Neg-1", "other": "Neg-2"}


@dataclass(frozen=True)
class TrainStep(Step):
    """Trains an unprotected model from scratch: a victim's twin, or an innocent.

    `half` is whose data it learns from: the owner's (Neg-1) or the other half (Neg-2); `variant`
    what else it differs by, of `VARIANTS`, nothing for the task's own recipe.
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
        return self.variant or self.architecture or KINDS[self.half]

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
            "variant": VARIANTS[self.variant].plain() if self.variant else {},
        }

    def rng(self) -> Rng:
        """Return the randomness of this model."""
        return Rng(self.seed, self.stream)

    def compute(self, inputs: Inputs, setting: Setting) -> Parts:
        """Train; part "model", and "report" with what it cost."""
        task = load_task(self.task, setting.cache)
        differs = VARIANTS[self.variant] if self.variant else Variant()
        card = task.card_for(self.architecture) if self.architecture else task.card
        card = differs.card(card)
        data = task.splits.owner if self.half == "owner" else task.splits.other
        meters, rng = Meters(), self.rng()
        examples = differs.examples(Examples.of(data), rng.child("variant"))
        recipe = differs.recipe_for(task.spec.recipe, len(examples))
        model = build(card, rng.child("initial"))
        trainer = Trainer(task.compute, meters, setting.progress)
        trainer.train(model, examples, recipe, rng.child("training"), differs.hooks(card))
        report = TrainReport(utility=accuracy_on_test(task, model), meters=meters.reading())
        return {"model": pack(model), "report": Bundle(report.plain())}
