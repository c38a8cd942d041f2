"""Access and its gatekeeper: the level, the budget, the meters."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from arena import testing
from arena.errors import BudgetExceeded, RuleViolation
from arena.game.rules.keys import PUBLICATION
from arena.game.rules.meters import Meters
from arena.game.rules.threat import METERS, PRESETS, Budget, ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.gatekeeper import Gatekeeper
from arena.world.bundle import Bundle
from arena.world.compute import Compute
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Examples, Recipe


def granted(victim: Model, task: Task, **fields: Any) -> tuple[Access, Gatekeeper]:
    grants = ThreatModel(**{"output": "probabilities", **fields})
    gate = replace(testing.gatekeeper(task, victim, grants), data=task.splits.thief)
    return Access(gate.answer, grants, task.card, Compute()), gate


def pictures(n: int) -> torch.Tensor:
    return torch.rand(n, 1, 8, 8, generator=Rng(9).torch())


@pytest.mark.parametrize(
    ("output", "shape"),
    [("labels", (6,)), ("top-k", (6, 10)), ("probabilities", (6, 10)), ("logits", (6, 10))],
)
def test_each_level_shows_what_it_says(
    trained: Model, task: Task, output: str, shape: tuple[int, ...]
) -> None:
    access, _ = granted(trained, task, output=output, top_k=3)
    answers = access.query(pictures(6))
    assert answers.shape == shape
    logits = Compute().logits(trained, pictures(6))
    if output == "labels":
        assert torch.equal(answers, logits.argmax(1))
    if output == "top-k":
        assert int((answers > 0).sum(1).max()) <= 3
    if output == "logits":
        torch.testing.assert_close(answers, logits)


def test_answers_are_computed_in_float32_whatever_the_autocast(trained: Model, task: Task) -> None:
    gate = testing.gatekeeper(task, trained, ThreatModel(output="logits"))
    rough = replace(gate, compute=Compute(precision="bfloat16"))
    answers = testing.access(task, rough).query(pictures(6))
    assert torch.equal(answers, Compute().logits(trained, pictures(6)))


def test_rounded_answers_have_that_many_decimals(trained: Model, task: Task) -> None:
    access, _ = granted(trained, task, decimals=2)
    answers = access.query(pictures(20)).double() * 100
    torch.testing.assert_close(answers, answers.round(), atol=1e-4, rtol=0)


def test_an_answer_without_decimals_reveals_one_bit_a_class(trained: Model, task: Task) -> None:
    access, gate = granted(trained, task, decimals=0)
    access.query(pictures(3))
    assert gate.meters.reading().bits_revealed == 3 * 10


def test_soft_answers_are_rows_at_every_level(trained: Model, task: Task) -> None:
    for output in ("labels", "probabilities", "logits"):
        access, _ = granted(trained, task, output=output)
        rows = access.soft_answers(pictures(4))
        torch.testing.assert_close(rows.sum(1), torch.ones(4))


def test_every_image_is_billed_and_repeats_are_told_apart(trained: Model, task: Task) -> None:
    access, gate = granted(trained, task, max_batch=4)
    access.query(pictures(6))
    access.query(torch.cat([pictures(6), pictures(2)]))
    read = gate.meters.reading()
    assert (read.images_queried, read.images_unique) == (14, 6)
    assert (read.calls, read.rounds) == (4, 2)
    assert read.bits_revealed == pytest.approx(14 * 10 * 7 * math.log2(10))


def test_a_label_reveals_the_logarithm_of_the_classes(trained: Model, task: Task) -> None:
    access, gate = granted(trained, task, output="labels")
    access.query(pictures(3))
    assert gate.meters.reading().bits_revealed == pytest.approx(3 * math.log2(10))


@pytest.mark.parametrize(
    "budget", [{"images_queried": 5}, {"images_unique": 5}, {"calls": 1, "images_queried": 5}]
)
def test_a_batch_that_fits_in_part_is_answered_in_part(
    trained: Model, task: Task, budget: dict[str, int]
) -> None:
    access, gate = granted(trained, task, budget=Budget(**budget))
    assert len(access.query(pictures(8))) == 5
    with pytest.raises(BudgetExceeded, match="is spent"):
        access.query(pictures(8)[5:])
    assert gate.meters.reading().images_queried == 5


def test_nothing_is_answered_past_the_budget(trained: Model, task: Task) -> None:
    access, gate = granted(trained, task, budget=Budget(images_queried=0))
    gate.compute = None  # type: ignore[assignment]  # it would fail if the victim were asked
    with pytest.raises(BudgetExceeded, match="the budget of 0 images_queried is spent"):
        access.query(pictures(1))


def test_rounds_are_a_budget_too(trained: Model, task: Task) -> None:
    access, _ = granted(trained, task, budget=Budget(rounds=1))
    access.query(pictures(2))
    with pytest.raises(BudgetExceeded, match="rounds"):
        access.query(pictures(2))


@pytest.mark.parametrize(
    ("images", "match"),
    [
        (torch.rand(2, 1, 9, 8), "expected inputs of"),
        (torch.rand(0, 1, 8, 8), "expected inputs of"),
        (torch.full((1, 1, 8, 8), math.nan), "expected finite inputs"),
        (torch.full((1, 1, 8, 8), 1.5), "expected inputs in"),
        (torch.full((1, 1, 8, 8), -5000, dtype=torch.int32), "expected inputs of uint8 or floats"),
    ],
)
def test_strange_inputs_are_refused(
    trained: Model, task: Task, images: torch.Tensor, match: str
) -> None:
    access, gate = granted(trained, task)
    with pytest.raises(RuleViolation, match=match):
        access.query(images)
    assert gate.meters.reading().images_queried == 0


def test_real_inputs_are_a_grant(trained: Model, task: Task) -> None:
    access, _ = granted(trained, task, real_inputs=True)
    assert len(access.query(torch.randn(3, 1, 8, 8, generator=Rng(0).torch()))) == 3


def test_float64_answers_are_a_grant(trained: Model, task: Task) -> None:
    access, _ = granted(trained, task, double=True)
    assert access.query(pictures(2)).dtype == torch.float64


def test_weights_are_handed_over_as_copies(trained: Model, task: Task) -> None:
    access, gate = granted(trained, task, output="weights")
    before = gate.victim.digest()
    stolen = access.model()
    assert stolen.digest() == before
    with torch.no_grad():
        stolen.get_parameter("body.fc2.weight").zero_()
    assert gate.victim.digest() == before


@pytest.mark.parametrize(
    ("fields", "request_", "match"),
    [
        ({"output": "labels"}, lambda access: access.model(), "weights are not granted"),
        ({"output": "nothing"}, lambda access: access.query(pictures(1)), "grants no queries"),
        ({}, lambda access: access.pool(), "grants no 'pool' data"),
        ({}, lambda access: access.transfer(), "grants no 'transfer' data"),
        ({}, lambda access: access.exposed(), "exposes nothing of the owner's key"),
        ({}, lambda access: access.channel("key", Bundle()), "unknown request 'key'"),
    ],
)
def test_what_is_not_granted_is_refused(
    trained: Model, task: Task, fields: dict[str, Any], request_: Any, match: str
) -> None:
    access, _ = granted(trained, task, **fields)
    with pytest.raises(RuleViolation, match=match):
        request_(access)


def test_no_key_is_within_reach(trained: Model, task: Task) -> None:
    access, gate = granted(trained, task, output="weights")
    assert not any("key" in name or "protect" in name for name in dir(gate) if name[0] != "_")
    assert set(vars(access)) == {"channel", "grants", "card", "lab"}


def test_labels_of_own_data_are_a_grant(trained: Model, task: Task) -> None:
    blind, _ = granted(trained, task)
    seeing, _ = granted(trained, task, data_labels=True)
    assert int(blind.data().labels.sum()) == 0
    assert torch.equal(seeing.data().labels, task.splits.thief.labels)


def test_own_training_is_on_the_meter(trained: Model, task: Task) -> None:
    access, gate = granted(trained, task, budget=Budget(steps=3))
    model = access.lab.build(access.card, Rng(0))
    with pytest.raises(BudgetExceeded, match="the budget of 3 steps is spent"):
        access.lab.train(model, Examples.of(access.data()), Recipe(batch=32), Rng(0))
    read = gate.meters.reading()
    assert (read.steps, read.images_backward, read.models) == (3, 96, 1)


def test_a_toolbox_is_on_the_meter(trained: Model, task: Task) -> None:
    access, gate = granted(trained, task, output="weights")
    view = access.lab.frozen(access.model())
    view(pictures(5).requires_grad_(True)).sum().backward()
    view(pictures(2))
    read = gate.meters.reading()
    assert (read.images_forward, read.images_backward) == (7, 5)


def test_calls_of_the_verifier_are_none_unless_granted(trained: Model, task: Task) -> None:
    access, _ = granted(trained, task)
    with pytest.raises(BudgetExceeded, match="verifier_calls"):
        access.verify(Deliverable(trained))
    granted_access, gate = granted(trained, task, budget=Budget(verifier_calls=1))
    gate.verifier = lambda deliverable: deliverable.model is not None
    assert granted_access.verify(Deliverable(trained)) is True
    with pytest.raises(BudgetExceeded, match="verifier_calls"):
        granted_access.verify(Deliverable(trained))


def test_a_commitment_is_late_once_the_victim_was_touched(trained: Model, task: Task) -> None:
    access, _ = granted(trained, task, precommit=True)
    assert access.commit("a" * 64)["time"] == 0
    access.query(pictures(1))
    assert access.commit("b" * 64)["time"] > PUBLICATION


@pytest.mark.parametrize(
    "look",
    [Access.exposed, Access.model, lambda access: access.verify(Deliverable())],
)
def test_whatever_it_saw_touches_the_victim(trained: Model, task: Task, look: Any) -> None:
    grants = {"output": "weights", "knows": frozenset({"passport"}), "precommit": True}
    access, gate = granted(trained, task, **grants, budget=Budget(verifier_calls=1))
    gate.verifier = lambda deliverable: True
    assert access.commit("a" * 64)["time"] == 0
    look(access)
    assert access.commit("b" * 64)["time"] > PUBLICATION


def test_what_is_exposed_cannot_be_written_into(trained: Model, task: Task) -> None:
    access, gate = granted(trained, task, knows=frozenset({"passport"}))
    gate.exposed = Bundle({"layers": ["a"]}, {"0/key": torch.ones(3)})
    shown = access.exposed()
    shown.tensors["0/key"].zero_()
    shown.data["layers"].append("b")
    assert torch.equal(gate.exposed.tensors["0/key"], torch.ones(3))
    assert gate.exposed.data == {"layers": ["a"]}


def test_what_was_asked_before_is_asked_for_nothing(trained: Model, task: Task) -> None:
    access, gate = granted(trained, task, budget=Budget(images_unique=3))
    first, second, *others = pictures(9)
    asked = torch.stack([first, first, second, first, *others])
    assert len(access.query(asked)) == 5  # three new ones, and the first twice more
    assert gate.meters.reading().images_unique == 3
    assert len(access.query(asked[:5])) == 5


def test_more_classes_than_there_are_cost_no_more(trained: Model, task: Task) -> None:
    spent = []
    for fields in ({"output": "top-k", "top_k": 100}, {"output": "probabilities"}):
        access, gate = granted(trained, task, **fields)
        access.query(pictures(3))
        spent.append(gate.meters.reading().bits_revealed)
    assert spent[0] == spent[1] > 0


def test_without_the_grant_every_commitment_is_late(trained: Model, task: Task) -> None:
    access, _ = granted(trained, task)
    assert access.commit("a" * 64)["time"] > PUBLICATION


def test_meters_go_on_where_the_last_round_stopped() -> None:
    meters = Meters(Budget(images_queried=10))
    meters.charge({"images_queried": 4})
    meters.remember(meters.new_images(pictures(4)))
    later = Meters(Budget(images_queried=10), meters.bundle())
    assert later.left("images_queried") == 6
    assert later.new_images(pictures(4)) == [b""] * 4


def test_a_charge_is_whole_or_not_at_all() -> None:
    meters = Meters(Budget(steps=5, images_forward=1))
    with pytest.raises(BudgetExceeded, match="images_forward"):
        meters.charge({"steps": 1, "images_forward": 2})
    assert meters.reading().steps == 0


@pytest.mark.parametrize(
    "costs", [{"steps": -1}, {"nonsense": 1}, {"steps": math.nan}, {"steps": math.inf}]
)
def test_a_meter_only_goes_up(costs: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected a cost >= 0"):
        Meters().charge(costs)


def test_time_is_a_budget() -> None:
    meters = Meters(Budget(wall_s=1e-9))
    with pytest.raises(BudgetExceeded, match="wall_s"):
        meters.charge({"steps": 1})


def test_every_meter_has_a_budget() -> None:
    assert set(Budget.model_fields) == set(METERS)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_grants_itself(name: str) -> None:
    assert PRESETS[name].missing(PRESETS[name]) == []


def test_what_is_missing_is_said_in_words() -> None:
    needs = ThreatModel(
        output="weights", data=1, data_labels=True, pool="*", knows=frozenset({"tests"}),
        deliverables=frozenset({"claim"}),
    )  # fmt: skip
    assert ThreatModel(output="labels").missing(needs) == [
        "output 'weights' (granted: 'labels')",
        "own data",
        "data labels",
        "a pool data set",
        "knowledge of 'tests'",
        "delivery of a claim",
    ]
