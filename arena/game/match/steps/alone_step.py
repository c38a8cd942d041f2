"""What a thief could have had without the victim, trained by the referee."""

from __future__ import annotations

from dataclasses import dataclass

from arena.game.match.grants import granted
from arena.game.match.reports import TrainReport
from arena.game.match.steps.step_cache import Inputs, Parts, Setting, Step
from arena.game.match.steps.train_step import exam_of, yardsticks
from arena.game.match.utility import bare_utility
from arena.game.rules.meters import Meters
from arena.game.rules.threat import ThreatModel
from arena.world.bundle import Bundle
from arena.world.json_values import Json
from arena.world.models import pack
from arena.world.rng import Rng
from arena.world.task import TaskSpec, load_task
from arena.world.training import Examples, Trainer

N_ALONE = 2
"""How many models stand for what a thief could have had: their mean utility counts."""


@dataclass(frozen=True)
class AloneStep(Step):
    """Trains on a thief's own labelled data alone, by the task's recipe. Parts "model", "report".

    `share` is the part of the thief's split that is granted; `architecture` what it builds,
    "" for the victim's. Matches with the same grants share these models.
    """

    task: TaskSpec
    seed: int
    share: float
    architecture: str
    number: int

    @property
    def title(self) -> str:
        """Return what a person reads while it runs."""
        return f"train alone/{self.share:g}/{self.number}"

    def parents(self) -> tuple[Step, ...]:
        """Return what utility is measured with: the victim has no part in it."""
        return yardsticks(self.task)

    def recipe(self) -> dict[str, Json]:
        """Return the parameters."""
        return {
            "task": self.task.identity(),
            "seed": self.seed,
            "share": self.share,
            "architecture": self.architecture,
            "number": self.number,
        }

    def compute(self, inputs: Inputs, setting: Setting) -> Parts:
        """Train."""
        task = load_task(self.task, setting.cache)
        data = granted(task.splits.thief, self.share, Rng(self.seed).child("grant"))
        assert data is not None  # noqa: S101 - `alone_of` makes no step for a share of 0
        card = task.card_for(self.architecture) if self.architecture else task.card
        meters, rng = Meters(), Rng(self.seed).child("alone", self.number)
        model = task.started(card, rng.child("initial"))
        trainer = Trainer(task.compute, meters, setting.progress)
        trainer.train(model, Examples.of(data), task.spec.recipe, rng.child("training"))
        utility = bare_utility(task, exam_of(task, inputs), model)
        report = TrainReport(utility=utility, meters=meters.reading())
        return {"model": pack(model), "report": Bundle(report.plain())}


def alone_of(task: TaskSpec, grants: ThreatModel, seed: int) -> tuple[AloneStep, ...]:
    """Return what a thief could have had alone; nothing where its data teach nothing alone.

    And nothing where it delivers outputs alone, which no model is like.
    """
    if grants.deliverables <= {"outputs"}:
        return ()
    if grants.data == 0 or (task.kind().needs_labels and not grants.data_labels):
        return ()
    own = grants.own_architecture or task.kind().plain_architecture
    architecture = "" if grants.knows_architecture else own
    return tuple(
        AloneStep(task, seed, grants.data, architecture, number) for number in range(N_ALONE)
    )
