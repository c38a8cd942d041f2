"""How useful a model is: to the referee, and as its thief can see."""

from __future__ import annotations

from collections.abc import Sequence

from arena.game.serving.wrapper import Wrapper
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.gatekeeper import Gatekeeper
from arena.game.sides.suspect import Suspect
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task


def accuracy_on_test(task: Task, model: Model) -> float:
    """Return the accuracy in [0, 1] of a bare model on the test split."""
    test = task.splits.test
    return task.compute.accuracy(model, test.images, test.labels)


def accuracy_as_served(task: Task, model: Model, serving: Sequence[Wrapper], client: Rng) -> float:
    """Return the accuracy in [0, 1] on the test split that a client finds behind the wrappers."""
    if not serving:
        return accuracy_on_test(task, model)
    test = task.splits.test
    suspect = Suspect.of(Deliverable(model, tuple(serving)), "labels", task.compute, client)
    return float((suspect.labels(test.images) == test.labels).double().mean())


def own_utility(task: Task, gate: Gatekeeper, deliverable: Deliverable) -> float:
    """Return the accuracy that the thief itself can see: on its own labelled data, else nothing."""
    model, data = deliverable.model, gate.data
    if model is None or data is None or not gate.grants.data_labels:
        return 0.0
    if model.card.n_classes != data.n_classes or model.card.input_shape != data.input_shape:
        return 0.0
    return task.compute.accuracy(model, data.images, data.labels)
