"""Every thief of this family refuses an access level below its need, before it starts."""

from __future__ import annotations

import pytest

import attackers  # noqa: F401 - the import registers them
from arena.game.match.agents import Action, Scripted
from arena.game.match.play import MatchSpec, play_here
from arena.game.match.step_cache import MemoryMemo, Setting
from arena.game.rules.threat import ThreatModel
from arena.game.sides.attack import attacks
from arena.game.sides.player import PlayerSpec
from arena.world.kinds.interface import LEVELS, Output, level
from arena.world.task import TaskSpec

NEEDS: dict[str, Output] = {
    "jba": "labels",
    "art-copycat": "labels",
    "art-knockoff": "labels",
    "equation-softmax": "probabilities",
    "equation-mlp": "probabilities",
    "tree-paths": "probabilities",
    "es-opt": "probabilities",
    "es-dnn": "probabilities",
    "knockoff-adaptive": "probabilities",
    "distill": "probabilities",
    "art-functional": "logits",
    "transfer": "weights",
    "adversarial-training": "weights",
    "adapt-b": "weights",
    "adapt-w": "weights",
}
ALL_ELSE = ThreatModel(
    double=True,
    real_inputs=True,
    data=1,
    data_labels=True,
    pool="digits",
    transfer="digits/parity",
    architecture=True,
    knows=frozenset({"tests"}),
)
BELOW = [(name, output) for name, need in NEEDS.items() for output in LEVELS[: level(need)]]


@pytest.mark.parametrize(("name", "output"), BELOW)
def test_a_level_below_the_need_is_refused(name: str, output: Output) -> None:
    grants = ALL_ELSE.model_copy(update={"output": output})
    lacks = grants.missing(attacks.find(name).needs)
    assert lacks == [f"output {NEEDS[name]!r} (granted: {output!r})"]


@pytest.mark.parametrize("name", NEEDS)
def test_the_level_of_the_need_is_enough(name: str) -> None:
    assert (
        ALL_ELSE.model_copy(update={"output": NEEDS[name]}).missing(attacks.find(name).needs) == []
    )


@pytest.mark.parametrize("name", ["equation-softmax", "tree-paths", "art-functional"])
def test_what_reads_the_last_decimals_needs_float64(name: str) -> None:
    single = ALL_ELSE.model_copy(update={"output": NEEDS[name], "double": False})
    assert single.missing(attacks.find(name).needs) == ["double"]


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
