"""Imitation: what a student of texts asks, and what it delivers."""

from __future__ import annotations

from arena import testing
from arena.game.rules.threat import ThreatModel
from arena.world.models import Model
from arena.world.task import Task
from attackers.extract.language.imitate import Imitate


def test_a_student_asks_once_for_each_text_and_reads_them_all(
    text_task: Task, text_model: Model
) -> None:
    grants = ThreatModel(output="outputs", data=0.05, length=64, architecture=True)
    thief = testing.thief(text_task, text_model, grants)
    n_own = len(thief.access.data())
    student = thief.play(Imitate(n_texts=n_own + 10, epochs=2, batch=8))
    assert student.card == text_model.card
    assert thief.spent("images_queried") == n_own + 10
    n_rows = (n_own + 10) * 64 // text_model.card.input_shape[0]
    assert thief.spent("images_backward") == 2 * n_rows
