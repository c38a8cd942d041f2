"""Texts or images alone: handed in without a model, bounded, and accused by few schemes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from arena import testing
from arena.errors import InvalidDeliverable, NotComparable, RuleViolation
from arena.game.rules.keys import Key
from arena.game.rules.threat import ThreatModel
from arena.game.sides import outputs
from arena.game.sides.defense import Protected, defenses
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.outputs import Outputs
from arena.game.sides.suspect import accused
from arena.world.bundle import Bundle
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task

TEXTS = Outputs(texts=("a text", "zwei Wörter"))
IMAGES = Outputs(images=torch.zeros(3, 1, 8, 8, dtype=torch.uint8))
GRANTS = ThreatModel(output="labels", deliverables=frozenset({"outputs"}))


@pytest.mark.parametrize("made", [TEXTS, IMAGES], ids=["texts", "images"])
def test_outputs_cross_a_pipe(made: Outputs) -> None:
    again = Deliverable.read(Bundle.from_bytes(Deliverable(outputs=made).bundle().to_bytes()))
    assert again.kinds() == {"outputs"}
    assert again.outputs is not None
    assert again.outputs.texts == made.texts
    if made.images is not None:
        assert again.outputs.images is not None
        assert torch.equal(again.outputs.images, made.images)


@pytest.mark.parametrize(
    ("made", "match"),
    [
        (Outputs(), "expected texts or images as outputs, found none"),
        (Outputs(("a",), IMAGES.images), "found both"),
        (Outputs(("a",) * (outputs.MOST_ITEMS + 1)), "expected at most 10,000 outputs"),
        (Outputs(("a" * (outputs.MOST_CHARACTERS + 1),)), "10,000,001 and 0 MiB"),
        (Outputs(images=torch.full((1, 1, 2, 2), torch.nan)), "expected finite images"),
    ],
    ids=["nothing", "both", "too many", "too long", "NaN"],
)
def test_what_cannot_be_judged_is_refused(made: Outputs, match: str) -> None:
    with pytest.raises(InvalidDeliverable, match=match):
        made.check()


@pytest.mark.parametrize("name", ["uchida", "adi", "dawn", "deepjudge"])
def test_a_scheme_that_accuses_a_model_says_so_of_outputs(task: Task, name: str) -> None:
    suspect = accused(Deliverable(outputs=TEXTS), task, "weights", Rng(0))
    verdict = defenses.find(name)().verify(Key(name), suspect, Rng(0))
    assert not verdict.is_copy
    assert verdict.reason == (
        f"not verified: the suspect is texts or images alone, and {name} accuses a model"
    )


def test_nobody_answers_for_outputs(task: Task) -> None:
    suspect = accused(Deliverable(outputs=TEXTS), task, "weights", Rng(0))
    with pytest.raises(NotComparable, match="nobody answers"):
        suspect.answer(torch.zeros(1, 1, 8, 8))
    assert suspect.delivered is TEXTS


def test_the_referee_judges_outputs_without_a_model(task: Task, trained: Model) -> None:
    referee = testing.referee(task, Protected(trained, Key("none")), grants=GRANTS)
    found = referee.judge(Deliverable(outputs=IMAGES), (), Rng(0))
    assert (found.utility, found.agreement, found.kept, found.payoff) == (0.0, 0.0, 0.0, 0.0)
    assert found.verdict.reason.startswith("not verified: the suspect is texts or images alone")


def test_outputs_are_delivered_where_they_are_granted(task: Task, trained: Model) -> None:
    referee = testing.referee(task, Protected(trained, Key("none")))
    with pytest.raises(RuleViolation, match="expected a deliverable of model, found outputs"):
        referee.admit(Deliverable(outputs=TEXTS))


@pytest.mark.parametrize(("length", "pays"), [(1, False), (120, True)])
def test_of_a_victim_whose_texts_are_worth_nothing_there_is_nothing_to_steal(
    length: int, pays: bool, text_task: Task, text_model: Model
) -> None:
    """Texts of one token are worth nothing, whoever writes them: to hand them in is no gain."""
    grants = ThreatModel(
        output="outputs", data=1, length=length, deliverables=frozenset({"outputs"})
    )
    owner = Protected(text_model, Key("toy"))
    referee = replace(testing.referee(text_task, owner, grants=grants), yardstick=text_model)
    found = referee.judge(Deliverable(outputs=Outputs(("a",))), [], Rng(0))
    assert (found.worth.pays, found.worth.gain) == (pays, 0.0)
