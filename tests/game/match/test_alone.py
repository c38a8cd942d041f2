"""What thieves could have had without the victim is asked once, and found the same each time."""

from __future__ import annotations

from typing import Any

import pytest

from arena.game.court.referee import Alone, Referee
from arena.game.match.agents import Action, Scripted
from arena.game.match.grants import own_card
from arena.game.match.play import MatchSpec, RoundRecord, play_here
from arena.game.match.steps import judge_step
from arena.game.match.steps.alone_step import N_ALONE, alone_of
from arena.game.match.steps.step_cache import MemoryMemo, Setting
from arena.game.rules.threat import ThreatModel
from arena.game.sides.player import PlayerSpec
from arena.world.models import Model
from arena.world.task import TaskSpec, load_task
from arena.world.training import Recipe

TASK = TaskSpec(model="mlp", recipe=Recipe(epochs=2))
GRANTS = ThreatModel(output="weights", data=0.1, data_labels=True)


def played(thief: str, memo: MemoryMemo) -> RoundRecord:
    owner = PlayerSpec(name="none")
    match = MatchSpec(task=TASK, owner="none", defense=owner, thief=thief, grants=GRANTS)
    (record,) = play_here(match, Scripted((Action(PlayerSpec(name="none")),)), memo, Setting())
    return record


def test_matches_with_the_same_grants_ask_such_models_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Alone] = []
    ask = Referee.alone

    def counted(self: Referee, model: Model) -> Alone:
        asked.append(ask(self, model))
        return asked[-1]

    monkeypatch.setattr(Referee, "alone", counted)
    monkeypatch.setattr(judge_step, "_ALONE", type(judge_step._ALONE)())
    memo = MemoryMemo()
    first, second = (played(thief, memo).judged.worth for thief in ("t", "u"))
    assert len(asked) == N_ALONE
    mean = sum(found.utility for found in asked) / N_ALONE
    assert first.alone == second.alone == pytest.approx(mean)
    assert first.pays


def test_only_the_last_few_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_step, "_ALONE", type(judge_step._ALONE)())
    monkeypatch.setattr(judge_step, "_REMEMBERED", 1)
    played("t", MemoryMemo())
    assert len(judge_step._ALONE) == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "mlp"),
        ({"own_architecture": "lenet5"}, "lenet5"),
        ({"output": "weights", "own_architecture": "lenet5"}, ""),
    ],
)
def test_alone_a_thief_builds_what_it_builds_in_a_match(
    fields: dict[str, Any], expected: str
) -> None:
    spec = TaskSpec(model="cnn8")
    grants = GRANTS.model_copy(update={"output": "labels", **fields})
    assert {step.architecture for step in alone_of(spec, grants, 0)} == {expected}
    card = own_card(load_task(spec), grants)
    assert card.architecture == (expected or "cnn8")


@pytest.mark.parametrize(
    ("data", "model", "expected"),
    [
        ("digits", "cnn8", 0),
        ("captions-digits", "attend-lstm", 0),
        ("digits", "dcgan", N_ALONE),
        ("fables", "gpt", N_ALONE),
    ],
)
def test_unlabelled_data_teach_alone_what_needs_no_labels(
    data: str, model: str, expected: int
) -> None:
    task = TaskSpec(data=data, model=model)
    unlabelled = ThreatModel(output="labels", data=1)
    assert len(alone_of(task, unlabelled, 0)) == expected
    assert len(alone_of(task, unlabelled.model_copy(update={"data_labels": True}), 0)) == N_ALONE
