"""Every thief refuses an access level below its need, before it starts."""

from __future__ import annotations

import pytest

import attackers  # noqa: F401 - the import registers them
from arena.game.match.agents import Action, Scripted
from arena.game.match.play import MatchSpec, play_here
from arena.game.match.steps.step_cache import MemoryMemo, Setting
from arena.game.rules.threat import ThreatModel
from arena.game.sides.attack import attacks
from arena.game.sides.player import PlayerSpec
from arena.world.kinds.interface import LEVELS, Output, level
from arena.world.task import TaskSpec

NEEDS = {name: player.needs for name, player in attacks.classes().items()}
ALL_ELSE = ThreatModel(
    double=True,
    real_inputs=True,
    data=1,
    data_labels=True,
    pool="digits",
    transfer="digits/parity",
    architecture=True,
    precommit=True,
    knows=frozenset().union(*(needs.knows for needs in NEEDS.values())),
)
BELOW = [
    (name, output) for name, needs in NEEDS.items() for output in LEVELS[: level(needs.output)]
]


@pytest.mark.parametrize(("name", "output"), BELOW)
def test_a_level_below_the_need_is_refused(name: str, output: Output) -> None:
    lacks = ALL_ELSE.model_copy(update={"output": output}).missing(NEEDS[name])
    assert f"output {NEEDS[name].output!r} (granted: {output!r})" in lacks


@pytest.mark.parametrize("name", NEEDS)
def test_all_data_and_knowledge_at_the_level_of_the_need_is_enough(name: str) -> None:
    granted = {"output": NEEDS[name].output, "deliverables": NEEDS[name].deliverables}
    assert ALL_ELSE.model_copy(update=granted).missing(NEEDS[name]) == []


@pytest.mark.parametrize("name", ["equation-softmax", "tree-paths", "art-functional"])
def test_what_reads_the_last_decimals_needs_float64(name: str) -> None:
    single = ALL_ELSE.model_copy(update={"output": NEEDS[name].output, "double": False})
    assert single.missing(NEEDS[name]) == ["double"]


def test_a_match_that_grants_less_is_skipped_before_anything_is_trained() -> None:
    match = MatchSpec(
        task=TaskSpec(),
        owner="none",
        defense=PlayerSpec(name="none"),
        thief="es",
        grants=ThreatModel(output="labels", data=1),
    )
    agent, memo = Scripted([Action(PlayerSpec(name="es-opt"))]), MemoryMemo()
    (record,) = play_here(match, agent, memo, Setting())
    assert record.status == "SKIPPED"
    assert "es-opt needs output 'probabilities' (granted: 'labels')" in record.message
