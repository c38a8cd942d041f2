"""DeepJudge as a defender: small games on the digits, access levels, keys that derive."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest
import torch
from torch import Tensor

from arena import testing
from arena.errors import PlayerError
from arena.game.rules.keys import Key
from arena.game.sides.attack import Attack
from arena.game.sides.defense import OwnerTask
from arena.game.sides.suspect import Suspect
from arena.world.kinds.interface import Output
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task
from attackers.modify.finetune import FineTuneAll, FineTuneLast
from attackers.modify.prune import Prune
from defenders.deepjudge.player import DeepJudge, _shared
from defenders.deepjudge.scheme.key import Contents
from defenders.deepjudge.scheme.metrics import BLACKBOX, METRICS, WHITEBOX
from tests.defenders.conftest import COMPUTE, Marking
from tests.defenders.deepjudge.conftest import QUICK, SCHEME, Thieves
from tests.defenders.weights.rewritings import permuted

pytestmark = pytest.mark.long

Show = Callable[[Model], Suspect]
TUNED = replace(QUICK, eps=0.0, strengths=(0.1, 0.15))
COPIES: dict[str, Attack] = {
    "FT-LL": FineTuneLast(),
    "FT-AL": FineTuneAll(),
    "P-20": Prune(rate=0.2),
}


def table(verdict_figures: object, part: str = "all") -> dict[str, dict[str, float]]:
    """Return the evidence lines of a part by metric."""
    evidence = verdict_figures["evidence"][part]  # type: ignore[index]
    return {line["metric"]: line for line in evidence["lines"]}


def test_the_victim_is_at_distance_0_and_gets_every_vote(mark: Marking, suspect: Show) -> None:
    protected = mark(SCHEME)
    verdict = SCHEME.verify(protected.key, suspect(protected.model), Rng(0))
    lines = table(verdict.figures)
    assert {name: line["value"] for name, line in lines.items()} == dict.fromkeys(METRICS, 0.0)
    assert verdict.is_copy
    assert verdict.statistic >= 0.5
    assert verdict.rule is not None
    assert verdict.rule.is_copy
    assert verdict.figures["evidence"]["all"]["p_copy"] == 1
    assert verdict.figures["consistency"] == {"kind": "exact", "difference": 0.0}
    json.dumps(verdict.plain(), allow_nan=False)


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("access", ["labels", "probabilities", "weights"])
def test_copies_are_voted_copies(mark: Marking, stolen: Thieves, name: str, access: Output) -> None:
    shown = Suspect.bare(stolen(COPIES[name]), COMPUTE, access)
    verdict = SCHEME.verify(mark(SCHEME).key, shown, Rng(0))
    assert verdict.rule is not None
    assert verdict.rule.is_copy
    assert verdict.is_copy


def test_the_model_is_released_as_it_is(mark: Marking, owner_task: OwnerTask) -> None:
    assert mark(SCHEME).model.digest() == owner_task.base().digest()


@pytest.mark.parametrize("access", ["labels", "probabilities", "weights"])
def test_unseen_innocents_are_not_copies(
    mark: Marking, strangers: list[Model], access: Output
) -> None:
    for stranger in strangers:
        shown = Suspect.bare(stranger, COMPUTE, access)
        verdict = SCHEME.verify(mark(SCHEME).key, shown, Rng(0))
        assert not verdict.is_copy
        assert verdict.rule is not None
        assert not verdict.rule.is_copy


def test_a_rewritten_victim_is_told_by_its_answers_and_by_the_first_stage(
    mark: Marking, suspect: Show
) -> None:
    verdict = SCHEME.verify(mark(SCHEME).key, suspect(permuted(mark(SCHEME).model, Rng(1))), Rng(0))
    assert verdict.is_copy
    assert verdict.figures["consistency"]["kind"] == "equivalent"


@pytest.mark.parametrize(
    ("grants", "access", "applies"),
    [
        ("labels", "weights", ["RobD"]),
        ("probabilities", "weights", ["RobD", "JSD"]),
        ("weights", "weights", list(METRICS)),
        ("weights", "labels", ["RobD"]),
        ("weights", "probabilities", ["RobD", "JSD"]),
    ],
)
def test_the_lower_of_what_is_granted_and_what_is_asked_is_used(
    mark: Marking, grants: Output, access: Output, applies: list[str]
) -> None:
    protected = mark(SCHEME)
    shown = Suspect.bare(protected.model, COMPUTE, grants)
    verdict = replace(SCHEME, access=access).verify(protected.key, shown, Rng(0))
    assert list(table(verdict.figures)) == applies
    assert set(verdict.figures["evidence"]["all"]["not_applicable"]) == set(METRICS) - set(applies)
    assert ("consistency" in verdict.figures) is (len(applies) == 6)
    assert verdict.is_copy


def test_another_label_space_is_judged_by_hidden_layers_alone(
    mark: Marking, suspect: Show, task: Task
) -> None:
    """VTL with a frozen trunk: RobD and JSD do not apply and do not vote."""
    protected = mark(SCHEME)
    other = build(task.card.model_copy(update={"n_classes": 5}), Rng(0))
    trunk = {k: v for k, v in protected.model.state_dict().items() if "fc2" not in k}
    other.load_state_dict(trunk, strict=False)
    verdict = SCHEME.verify(protected.key, suspect(other), Rng(0))
    assert list(table(verdict.figures)) == list(WHITEBOX)
    assert set(verdict.figures["evidence"]["all"]["not_applicable"]) == set(BLACKBOX)
    assert verdict.figures["evidence"]["all"]["p_copy"] == 1
    assert verdict.is_copy


def test_what_no_metric_reads_is_not_verified_with_the_reason(
    mark: Marking, suspect: Show, task: Task, tiny: Model
) -> None:
    card = task.card.model_copy(
        update={"n_classes": 5, "architecture": "mlp", "arguments": {"hidden": (4,)}}
    )
    for model, reason in (
        (build(card, Rng(0)), "no metric applies: .*no layer .*5 classes"),
        (tiny, "takes inputs of"),
    ):
        verdict = SCHEME.verify(mark(SCHEME).key, suspect(model), Rng(0))
        assert not verdict.is_copy
        assert verdict.p_value == 1
        assert verdict.name == "similarity"
        assert re.search(reason, verdict.reason)


def test_innocents_that_all_agree_say_why_nothing_applies(mark: Marking, suspect: Show) -> None:
    key = mark(SCHEME).key
    settings = {**key.settings, "nulls": {"all": {m: [0.0] * 12 for m in METRICS}}}
    verdict = SCHEME.verify(replace(key, settings=settings), suspect(mark(SCHEME).model), Rng(0))
    assert not verdict.is_copy
    assert "too few innocents to compare with, or all at one distance" in verdict.reason


def test_one_broken_answer_is_a_finding_and_the_others_judge(mark: Marking) -> None:
    protected = mark(SCHEME)

    def answer(images: Tensor) -> Tensor:
        rows = COMPUTE.probabilities(protected.model, images)
        rows[0] = torch.nan
        return rows

    shown = Suspect(answer, "probabilities", protected.model.card, COMPUTE)
    verdict = SCHEME.verify(protected.key, shown, Rng(0))
    assert list(table(verdict.figures)) == list(BLACKBOX)
    (finding,) = verdict.findings
    assert finding.startswith("1 of ")
    assert "not numbers" in finding
    assert verdict.is_copy


def test_a_suspect_that_answers_nothing_has_no_reference(mark: Marking) -> None:
    """NaN for every answer: nobody innocent is so useless, and nothing is said."""

    def answer(images: Tensor) -> Tensor:
        return torch.full((len(images), 10), torch.nan)

    protected = mark(SCHEME)
    shown = Suspect(answer, "probabilities", protected.model.card, COMPUTE)
    verdict = SCHEME.verify(protected.key, shown, Rng(0))
    assert verdict.outcome == "no reference"
    assert not verdict.is_copy


def test_the_evidence_holds_value_tau_margin_and_vote_of_each_metric_and_part(
    mark: Marking, suspect: Show, innocent: Model
) -> None:
    verdict = SCHEME.verify(mark(SCHEME).key, suspect(innocent), Rng(0))
    contents = Contents.read(mark(SCHEME).key)
    for part in ("all", "exposed", "held-out"):
        lines = table(verdict.figures, part)
        assert set(lines) == set(METRICS)
        for name, line in lines.items():
            alpha = 0.9 if name in BLACKBOX else 0.6
            assert line["tau"] == pytest.approx(alpha * line["bound"])
            assert line["vote"] is (line["value"] <= line["tau"])
            assert len(contents.nulls[part][name]) == 12
            assert 8 <= line["n_innocents"] <= 12  # those that are as useful as the suspect
    assert set(verdict.figures["layers"]) == {f"body.relu{i}" for i in (1, 2, 3, 4)}
    assert 0 <= verdict.figures["evidence"]["all"]["radar"]["mean"] <= 0.3


def test_a_fixed_generator_needs_no_zoo_and_all_innocents_set_thresholds(mark: Marking) -> None:
    contents = Contents.read(mark(SCHEME).key)
    assert contents.plan.generator.title == "pgd 0.15"
    assert contents.gaps == {}
    assert len(contents.nulls["all"]["RobD"]) == 12


@pytest.mark.slow
def test_the_gap_rule_chooses_on_innocents_that_set_no_threshold(mark: Marking) -> None:
    contents = Contents.read(mark(TUNED).key)
    chosen = contents.plan.generator.title
    assert chosen in contents.gaps
    assert contents.gaps[chosen] == max(contents.gaps.values())
    assert len(contents.nulls["all"]["RobD"]) == 9  # a quarter of the twelve chose


def test_the_innocents_that_choose_and_those_that_judge_are_disjoint() -> None:
    kinds = ["Neg-1"] * 6 + ["Neg-2"] * 6 + ["SGD"] * 4
    chosen_on, judged_on = _shared(kinds, choose=True)
    assert not set(chosen_on) & set(judged_on)
    assert sorted([*chosen_on, *judged_on]) == list(range(16))
    assert chosen_on == [0, 4, 8]  # of the victim's own recipe
    assert _shared(kinds, choose=False) == ([], list(range(16)))


@pytest.mark.slow
def test_a_weak_innocent_is_compared_with_weak_innocents(
    task: Task, owner_task: OwnerTask, nulls: list[Model], suspect: Show
) -> None:
    """Trained for an epoch or two, an independent model was called a copy."""

    def weak(i: int) -> Model:
        recipe = task.spec.recipe.but(epochs=1 + i % 2)
        data = (task.splits.owner, task.splits.other)[i // 2 % 2]
        return testing.trained(task, data, Rng(400 + i), recipe)

    known, unseen = [weak(i) for i in range(8)], [weak(i) for i in range(8, 12)]
    alone = SCHEME.protect(owner_task, Rng(4))
    world = replace(
        owner_task,
        null_models=lambda: [*nulls, *known],
        null_kinds=(*("Neg-1",) * 6, *("Neg-2",) * 6, *("weak",) * 8),
    )
    beside = SCHEME.protect(world, Rng(4))
    for model in unseen:
        verdict = SCHEME.verify(beside.key, suspect(model), Rng(0))
        assert verdict.outcome in ("not shown", "no reference")
        assert not verdict.is_copy
        assert SCHEME.verify(alone.key, suspect(model), Rng(0)).outcome == "no reference"
    assert "8 x weak" in SCHEME.verify(beside.key, suspect(nulls[0]), Rng(0)).reference
    assert SCHEME.verify(beside.key, suspect(beside.model), Rng(0)).is_copy


def test_no_model_that_is_reported_takes_part_in_protection(
    owner_task: OwnerTask, nulls: list[Model]
) -> None:
    """What an owner's task can hand out are the calibration innocents and its own model."""
    asked: list[int] = []

    def calibration() -> list[Model]:
        asked.append(len(nulls))
        return nulls

    quick = replace(QUICK, n_seeds=8, growth_steps=5)
    quick.protect(replace(owner_task, null_models=calibration), Rng(4))
    assert asked == [12]


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_innocents_bound_nothing(owner_task: OwnerTask, nulls: list[Model], n: int) -> None:
    with pytest.raises(PlayerError, match=f"at least 2 calibration innocents .* found {n}"):
        SCHEME.protect(replace(owner_task, null_models=lambda: nulls[:n]), Rng(4))


def test_every_other_seed_may_be_exposed_and_the_rest_stays_secret(mark: Marking) -> None:
    key = mark(SCHEME).key
    exposed, case = SCHEME.exposed(key), Contents.read(key).case
    assert exposed.data == {"layer": "body.relu2"}
    for kind, tests in (("blackbox", case.blackbox), ("whitebox", case.whitebox)):
        known = tests.select(tests.seed % 2 == 0)
        assert torch.equal(exposed.tensors[f"{kind}_images"], known.images)
        assert torch.equal(exposed.tensors[f"{kind}_labels"], known.labels)
        assert 0 < len(known) < len(tests)


def test_a_scenario_that_exposes_tests_decides_on_the_others(
    mark: Marking, stolen: Thieves, suspect: Show
) -> None:
    scheme = replace(SCHEME, decide_on="held-out")
    shown = suspect(stolen(FineTuneLast()))
    verdict = scheme.verify(mark(SCHEME).key, shown, Rng(0))
    held = verdict.figures["evidence"]["held-out"]
    assert verdict.p_value == held["p_value"]
    assert verdict.is_copy


@pytest.mark.parametrize("needed", ["any", "majority"])
def test_the_verdict_follows_the_wanted_combination(
    mark: Marking, stolen: Thieves, suspect: Show, needed: Literal["any", "majority"]
) -> None:
    scheme = dataclasses.replace(SCHEME, needed=needed)
    verdict = scheme.verify(mark(SCHEME).key, suspect(stolen(FineTuneLast())), Rng(0))
    ps = sorted(line["p_value"] for line in table(verdict.figures).values())
    expected = 6 * ps[0] if needed == "any" else 6 / 4 * ps[3]
    assert verdict.p_value == pytest.approx(min(1.0, expected))
    assert verdict.is_copy is (verdict.p_value <= scheme.level) is (verdict.statistic >= 0.5)


def test_a_verdict_depends_on_nothing_but_key_and_suspect(
    mark: Marking, suspect: Show, innocent: Model
) -> None:
    key = mark(SCHEME).key
    first, second = (
        SCHEME.verify(Key.read(key.bundle()), suspect(innocent), Rng(seed)) for seed in (1, 2)
    )
    assert first == second


@pytest.mark.parametrize(
    ("method", "eps", "n"),
    [("any", 0.0, 14), ("any", 0.1, 4), ("pgd", 0.0, 6), ("cw", 0.0, 2), ("cw", 3.0, 1)],
)
def test_settings_name_one_generator_or_leave_it_to_the_gap_rule(
    method: Literal["any", "pgd", "cw"], eps: float, n: int
) -> None:
    found = replace(DeepJudge(), method=method, eps=eps)._candidates()
    assert len(found) == n
    if n == 1:
        assert found[0].title == f"{method} {eps:g}"
