"""FT-LL, FT-AL, RT-LL, RT-AL: what trains, what is drawn anew, what it costs."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from arena.errors import BudgetExceeded, RuleViolation
from arena.game.rules.threat import Budget, ThreatModel, preset
from arena.world import layers
from arena.world.models import Model
from arena.world.rng import Rng
from attackers.modify.finetune import (
    FineTune,
    FineTuneAll,
    FineTuneLast,
    RetrainAll,
    RetrainLast,
    labelled,
    reset_head,
)
from tests.attackers.conftest import Thief

GRANTS = preset("whitebox_third")
SHORT: dict[str, Any] = {"epochs": 2}
FAMILY = [FineTuneLast(**SHORT), FineTuneAll(**SHORT), RetrainLast(**SHORT), RetrainAll(**SHORT)]


def changed(one: Model, two: Model) -> set[str]:
    """Return the names of the tensors that differ."""
    theirs = two.state_dict()
    return {name for name, mine in one.state_dict().items() if not torch.equal(mine, theirs[name])}


@pytest.mark.parametrize("attack", [FineTuneLast(**SHORT), RetrainLast(**SHORT)])
def test_only_the_last_layer_moves_and_no_running_statistic(
    thief: Thief, trained: Model, attack: FineTune
) -> None:
    head = layers.head(trained, trained.card.input_shape)
    assert changed(thief(GRANTS).play(attack), trained) == {f"{head}.weight", f"{head}.bias"}


@pytest.mark.parametrize("attack", [FineTuneAll(**SHORT), RetrainAll(**SHORT)])
def test_everything_moves(thief: Thief, trained: Model, attack: FineTune) -> None:
    moved = changed(thief(GRANTS).play(attack), trained)
    assert moved == {
        name for name in trained.state_dict() if name.split(".")[-1] not in ("mean", "std")
    }


@pytest.mark.parametrize("attack", FAMILY, ids=lambda attack: attack.name)
def test_the_cost_is_steps_and_no_query(thief: Thief, attack: FineTune) -> None:
    world = thief(GRANTS)
    world.play(attack)
    n = len(world.task.splits.thief)
    assert world.spent("steps") == 2 * math.ceil(n / 64)
    assert world.spent("images_backward") == 2 * n
    assert world.spent("images_queried") == 0


@pytest.mark.parametrize("attack", FAMILY, ids=lambda attack: attack.name)
def test_the_owners_victim_is_never_touched(thief: Thief, trained: Model, attack: FineTune) -> None:
    world = thief(GRANTS)
    world.play(attack)
    assert world.victim.digest() == trained.digest()


@pytest.mark.parametrize("attack", FAMILY, ids=lambda attack: attack.name)
def test_the_same_rng_gives_the_same_model_and_another_another(
    thief: Thief, attack: FineTune
) -> None:
    one, again, other = (thief(GRANTS).play(attack, seed) for seed in (1, 1, 2))
    assert one.digest() == again.digest() != other.digest()


def test_fine_tuning_keeps_the_model_useful_and_a_new_last_layer_learns(thief: Thief) -> None:
    world = thief(GRANTS)
    before = world.accuracy(world.victim)
    assert world.accuracy(world.play(FineTuneAll())) > before - 0.05
    assert world.accuracy(world.play(RetrainAll())) > before - 0.15


def test_a_new_last_layer_is_he_normal_with_zero_bias(trained: Model) -> None:
    reset_head(trained, Rng(0))
    head = trained.get_submodule(layers.head(trained, trained.card.input_shape))
    assert isinstance(head, torch.nn.Linear)
    assert head.weight.std().item() == pytest.approx((2 / head.in_features) ** 0.5, rel=0.1)
    assert head.bias.abs().sum().item() == 0


def test_a_new_last_layer_leaves_the_trunk_alone(trained: Model) -> None:
    before = trained.copy()
    reset_head(trained, Rng(0))
    assert {name.rpartition(".")[0] for name in changed(before, trained)} == {
        layers.head(trained, trained.card.input_shape)
    }


def test_labels_may_be_the_stolen_models_own_answers(thief: Thief) -> None:
    unlabelled = ThreatModel(output="weights", data=1)
    world = thief(unlabelled)
    examples = labelled(world.access, world.access.model(), "model")
    assert examples.targets.shape == (len(world.task.splits.thief), 10)
    assert torch.equal(examples.targets.argmax(1), world.answers(examples.images))
    assert world.spent("images_forward") == len(examples)
    tuned = world.play(replace(FAMILY[1], labels="model"))
    assert world.accuracy(tuned) > 0.8


def test_true_labels_are_the_data_sets(thief: Thief) -> None:
    world = thief(GRANTS)
    examples = labelled(world.access, world.access.model(), "truth")
    assert torch.equal(examples.targets, world.task.splits.thief.labels)


def test_the_next_round_goes_on_from_the_last_one(thief: Thief, trained: Model) -> None:
    first = thief(GRANTS).play(FineTuneAll(**SHORT))
    second = thief(GRANTS, first).play(FineTuneLast(**SHORT))
    head = layers.head(trained, trained.card.input_shape)
    assert changed(first, second) == {f"{head}.weight", f"{head}.bias"}


def test_weights_that_are_not_granted_are_not_given(thief: Thief) -> None:
    with pytest.raises(RuleViolation, match="the weights are not granted"):
        thief(preset("blackbox_probs")).play(FineTuneAll())


def test_a_budget_of_steps_ends_the_move(thief: Thief) -> None:
    world = thief(GRANTS.model_copy(update={"budget": Budget(steps=5)}))
    with pytest.raises(BudgetExceeded, match="5 steps"):
        world.play(FineTuneAll())
    assert world.spent("steps") == 5


def test_strength_turns_the_learning_rate() -> None:
    assert FineTuneAll().at(0).lr == pytest.approx(1e-4)
    assert FineTuneAll().at(1).lr == pytest.approx(1e-2)
    assert FineTuneAll().at(0.5).lr == pytest.approx(1e-3)
