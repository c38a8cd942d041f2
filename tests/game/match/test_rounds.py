"""What goes on from one round of a thief to the next."""

from __future__ import annotations

import pytest

from arena.game.match.play import MatchSpec
from arena.game.match.steps import round_step
from arena.game.match.steps.round_step import RoundStep
from arena.game.match.steps.step_cache import MemoryMemo, Setting, resolve
from arena.game.rules.keys import PUBLICATION, Register
from arena.game.rules.threat import ThreatModel
from arena.game.sides.gatekeeper import Gatekeeper
from arena.game.sides.player import PlayerSpec
from arena.world.task import TaskSpec
from arena.world.training import Recipe

TASK = TaskSpec(model="mlp", recipe=Recipe(epochs=1))
OWNER, CONTROL = PlayerSpec(name="none"), PlayerSpec(name="none")
CLAIM = PlayerSpec(name="commit-then-buy")
GRANTS = ThreatModel(
    output="weights",
    data=0.1,
    data_labels=True,
    precommit=True,
    knows=frozenset({"scheme"}),
    deliverables=frozenset({"model", "claim"}),
)
MATCH = MatchSpec(task=TASK, owner="none", defense=OWNER, thief="t", grants=GRANTS)


@pytest.fixture(scope="module")
def memo() -> MemoryMemo:
    return MemoryMemo()


def committed(step: RoundStep, memo: MemoryMemo) -> list[int]:
    """Return when the thief committed."""
    lines = resolve(step, "register", memo, Setting()).data["lines"]
    return [entry.time for entry in Register.read(lines).entries if entry.author == "thief"]


def test_who_had_the_victim_in_an_earlier_round_commits_late(memo: MemoryMemo) -> None:
    stolen = MATCH.round(CONTROL, None, 0)
    assert committed(MATCH.round(CLAIM, None, 0), memo) == [0]
    (late,) = committed(MATCH.round(CLAIM, stolen, 1), memo)
    assert late > PUBLICATION


def test_what_the_referee_does_after_a_move_is_not_charged(
    memo: MemoryMemo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def examined(task: object, gate: Gatekeeper, *rest: object) -> float:
        gate.meters.charge({"steps": 5})
        return 0.25

    monkeypatch.setattr(round_step, "own_utility", examined)
    step = MATCH.round(CONTROL, None, 7)
    report = resolve(step, "report", memo, Setting()).data
    assert (report["own_utility"], report["meters"]["steps"]) == (0.25, 0)
    assert resolve(step, "meters", memo, Setting()).data["steps"] == 0
