"""The referee as a client: what an owner's interface answers to somebody who is no thief."""

from __future__ import annotations

from collections.abc import Sequence

from arena.game.serving.query_log import QueryLog
from arena.game.serving.service import client_name
from arena.game.serving.wrapper import Wrapper
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.suspect import Suspect
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task


def visit(task: Task, victim: Model, serving: Sequence[Wrapper], rng: Rng) -> QueryLog:
    """Return the log that a client leaves who asks about every image of the other half.

    Innocents that never saw the answers are verified with what an owner finds in it.
    """
    served = Suspect.of(Deliverable(victim, tuple(serving)), "weights", task.compute, rng)
    asked = task.kind.questions(task.splits.other, task.card, rng.child("questions"))
    log = QueryLog()
    log.write(client_name(rng), asked, served.answer(asked))
    return log
