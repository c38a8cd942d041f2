"""Paired matches: a thief that meets the bare twin is one thief for all owners who release it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from arena.game.match.agents import Action, Scripted
from arena.game.match.play import MatchSpec, Pools, RoundRecord, play_here
from arena.game.match.steps.step_cache import MemoryMemo, Setting
from arena.game.rules.threat import Budget, ThreatModel
from arena.game.sandbox.traits import Traits
from arena.game.sides.defense import OwnerTask, Protected, defense, defenses
from arena.game.sides.player import PlayerSpec
from arena.world.rng import Rng
from arena.world.task import TaskSpec
from arena.world.training import Recipe
from defenders.nothing import NoDefense

TASK = TaskSpec(model="mlp", recipe=Recipe(epochs=2))
PLAIN = ThreatModel(output="weights", data=0.1, data_labels=True)
POOLS = Pools(calibration_same=2, calibration_other=2, calibration_odd=0)
TUNED = PlayerSpec(name="ft-ll", settings={"epochs": 1})


def match_of(owner: str, grants: ThreatModel = PLAIN, *, paired: bool = True) -> MatchSpec:
    return MatchSpec(
        task=TASK,
        owner=owner,
        defense=PlayerSpec(name=owner),
        thief="tuner",
        grants=grants,
        pools=POOLS,
        paired=paired,
    )


def digest_of(match: MatchSpec) -> str:
    return match.round(TUNED, None, 0).digest


def played(match: MatchSpec, memo: MemoryMemo | None = None) -> RoundRecord:
    (record,) = play_here(match, Scripted((Action(TUNED),)), memo or MemoryMemo(), Setting())
    return record


@pytest.mark.parametrize("owner", ["akh", "sac", "ipguard", "deepjudge", "reef", "none"])
def test_owners_of_the_bare_twin_meet_the_thief_of_nobody(owner: str) -> None:
    assert digest_of(match_of(owner)) == digest_of(match_of("none", paired=False))


@pytest.mark.parametrize("owner", ["uchida", "prada", "dawn", "coarse-answers"])
def test_who_marks_alters_answers_or_reads_a_log_has_thieves_of_his_own(owner: str) -> None:
    assert digest_of(match_of(owner)) == digest_of(match_of(owner, paired=False))
    assert digest_of(match_of(owner)) != digest_of(match_of("none"))


@pytest.mark.parametrize(("owner", "answers"), [("coarse-answers", True), ("akh", False)])
def test_a_stranger_says_as_well_what_stands_before_its_model(owner: str, answers: bool) -> None:
    assert Traits.of(defenses.find(owner)).attributes()["answers_for"] is answers


@pytest.mark.parametrize(
    "more",
    [
        {"deliverables": frozenset({"claim"})},
        {"budget": Budget(verifier_calls=3)},
        {"knows": frozenset({"tests"})},
    ],
)
def test_a_thief_that_sees_more_of_its_owner_is_its_own(more: Mapping[str, Any]) -> None:
    grants = PLAIN.model_copy(update=dict(more))
    match, alone = match_of("deepjudge", grants), match_of("deepjudge", grants, paired=False)
    assert digest_of(match) == digest_of(alone)


def test_each_owner_judges_with_a_key_of_its_own() -> None:
    memo = MemoryMemo()
    nobody, akh, sac = (played(match_of(owner), memo).judged for owner in ("none", "akh", "sac"))
    assert nobody.worth == akh.worth == sac.worth
    assert len({found.verdict.name for found in (nobody, akh, sac)}) == 3
    assert len([parts for parts in memo._parts.values() if "deliverable" in parts]) == 1


def test_who_says_untruly_that_it_releases_the_twin_is_refused() -> None:
    @defense("liar")
    @dataclass(frozen=True, kw_only=True)
    class Liar(NoDefense):
        def protect(self, task: OwnerTask, rng: Rng) -> Protected:
            made = super().protect(task, rng)
            for weights in made.model.parameters():
                weights.data += 0.1
            return made

    record = played(match_of("liar"))
    assert record.status == "ERROR"
    assert "found another victim; declare invasive" in record.message
