"""How useful a model is: to the referee, and as its thief can see."""

from __future__ import annotations

from collections.abc import Sequence

from arena.game.serving.wrapper import Wrapper
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.gatekeeper import Gatekeeper
from arena.game.sides.suspect import Suspect
from arena.world.kinds.kind import Exam
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task


def bare_utility(task: Task, exam: Exam, model: Model) -> float:
    """Return the utility in [0, 1] of a bare model."""
    return exam.utility(task.serve(model, exam.inputs))


def served_utility(
    task: Task, exam: Exam, model: Model, serving: Sequence[Wrapper], client: Rng
) -> float:
    """Return the utility in [0, 1] that a client finds behind the wrappers."""
    if not serving:
        return bare_utility(task, exam, model)
    suspect = Suspect.of(Deliverable(model, tuple(serving)), "weights", task.compute, client)
    return exam.utility(suspect.answer(exam.inputs))


def own_utility(
    task: Task, gate: Gatekeeper, deliverable: Deliverable, yardstick: Model | None
) -> float:
    """Return the utility that the thief itself can see: on its own data, else nothing.

    Where the kind of task needs true labels to tell, the thief sees it only with labelled data.
    """
    model, data = deliverable.model, gate.data
    if model is None or data is None or (task.kind.needs_labels and not gate.grants.data_labels):
        return 0.0
    if task.kind.mismatch(model.card, task.card_of(data)):
        return 0.0
    exam = task.exam(yardstick, data)
    return exam.utility(task.serve(model, exam.inputs))
