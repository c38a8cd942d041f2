"""The first stage: exactly the victim, the victim rewritten, or another model."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch

from arena.game.court.evidence import Consistency
from arena.game.sides.suspect import Suspect
from arena.world.compute import Compute
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Examples
from attackers.modify.finetune import FineTuneLast
from attackers.rewrite.invariant import AllThree
from defenders.deepjudge.case import Case
from defenders.deepjudge.consistency import consistency
from defenders.deepjudge.report import first_stage
from defenders.deepjudge.scheme.key import Contents
from tests.defenders.conftest import COMPUTE
from tests.defenders.deepjudge.conftest import PLAN, Thieves
from tests.defenders.weights.rewritings import OTHER_SHAPE, SAME_SHAPE

Compare = Callable[[Model], Consistency]


@pytest.fixture
def compare(victim: Model, pool: Examples) -> Compare:
    return lambda model: consistency(victim, model, pool.images, COMPUTE)


def test_the_victim_is_exactly_itself(compare: Compare, victim: Model) -> None:
    assert compare(victim.copy()) == Consistency("exact", 0.0)


def test_how_many_batches_normalisation_has_seen_is_no_difference(
    compare: Compare, victim: Model
) -> None:
    saved = victim.copy()
    for name, tensor in saved.state_dict().items():
        if name.endswith("num_batches_tracked"):
            tensor.zero_()
    assert compare(saved).kind == "exact"


@pytest.mark.parametrize("name", SAME_SHAPE)
def test_the_victim_rewritten_is_equivalent(compare: Compare, victim: Model, name: str) -> None:
    found = compare(SAME_SHAPE[name](victim, Rng(5)))
    assert found.kind == "equivalent"
    assert found.difference <= 1e-3


def test_the_victim_rewritten_is_equivalent_under_autocast_as_well(
    case: Case, pool: Examples, stolen: Thieves
) -> None:
    shown = Suspect.bare(stolen(AllThree()), Compute(precision="bfloat16"))
    assert first_stage(Contents(PLAN, case, pool, {}, {}), shown).kind == "equivalent"


@pytest.mark.parametrize("name", OTHER_SHAPE)
def test_the_victim_with_neurons_added_is_brought_back(
    compare: Compare, victim: Model, name: str
) -> None:
    assert compare(OTHER_SHAPE[name](victim, Rng(5))).kind == "equivalent"


def test_the_same_answers_from_another_architecture_are_the_same_function(
    task: Task, pool: Examples
) -> None:
    """Softmax regression, and a perceptron without a hidden layer that holds its weights."""
    cards = [
        task.card.model_copy(update={"architecture": name, "arguments": arguments})
        for name, arguments in (("softmax", {}), ("mlp", {"hidden": ()}))
    ]
    plain, other = (build(card, Rng(0)) for card in cards)
    for mine, theirs in zip(plain.parameters(), other.parameters(), strict=True):
        theirs.data.copy_(mine)
    assert consistency(plain, other, pool.images, COMPUTE).kind == "same function"


def test_a_changed_neuron_that_no_probe_excites_is_not_the_same_weights(
    victim: Model, pool: Examples
) -> None:
    """A channel that is silent before and after: the answers agree, the weights do not."""
    silent = victim.copy()
    kernel = silent.get_parameter("body.conv3.weight")
    with torch.no_grad():
        silent.get_parameter("body.norm3.weight")[0] = 0.0
        silent.get_parameter("body.norm3.bias")[0] = -1.0
    changed = silent.copy()
    with torch.no_grad():
        changed.get_parameter("body.conv3.weight")[0] = -kernel[0] * 3 + 1
    found = consistency(silent, changed, pool.images, COMPUTE)
    assert found == Consistency("same function", 0.0)


def test_the_same_weights_behind_another_normalisation_are_another_model(
    compare: Compare, victim: Model
) -> None:
    card = victim.card.model_copy(update={"mean": (0.9,)})
    other = build(card, Rng(0))
    weights = {k: v for k, v in victim.state_dict().items() if "normalise" not in k}
    other.load_state_dict(weights, strict=False)
    assert compare(other).kind == "different"


def test_a_model_that_was_trained_on_is_different(compare: Compare, stolen: Thieves) -> None:
    found = compare(stolen(FineTuneLast()))
    assert found.kind == "different"
    assert 1e-3 < found.difference < 2


def test_an_independent_model_is_different(compare: Compare, innocent: Model) -> None:
    assert compare(innocent).kind == "different"


def test_a_model_that_answers_nothing_is_different(compare: Compare, victim: Model) -> None:
    broken = victim.copy()
    with torch.no_grad():
        broken.get_parameter("body.fc2.bias").fill_(torch.nan)
    found = compare(broken)
    assert found.kind == "different"
    json.dumps(found.plain(), allow_nan=False)


def test_other_classes_or_inputs_are_different(compare: Compare, task: Task, tiny: Model) -> None:
    few = build(task.card.model_copy(update={"n_classes": 5}), Rng(0))
    assert compare(few).kind == compare(tiny).kind == "different"


def test_both_are_only_read(compare: Compare, victim: Model, innocent: Model) -> None:
    rewritten = SAME_SHAPE["all"](victim, Rng(5))
    before = victim.digest(), rewritten.digest()
    compare(rewritten)
    assert (victim.digest(), rewritten.digest()) == before
