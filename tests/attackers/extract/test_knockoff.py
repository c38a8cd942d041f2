"""Extraction by asking: every level of output, the budget, the pool, the fresh model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import BudgetExceeded, RuleViolation
from arena.game.rules.threat import Budget, ThreatModel
from arena.world.data import Dataset
from arena.world.kinds.interface import Output
from arena.world.rng import Rng
from attackers.extract.knockoff import Knockoff, Retrain, drawn
from tests.attackers.conftest import Thief

GRANTS = ThreatModel(output="probabilities", data=1)
SHORT = Retrain(epochs=3)
LEVELS: list[Output] = ["labels", "top-k", "probabilities", "logits"]


@given(st.integers(0, 40), st.integers(0, 60), st.integers(0, 99))
def test_images_are_drawn_without_replacement(n_pool: int, n: int, seed: int) -> None:
    found = drawn(torch.arange(n_pool), n, Rng(seed)).tolist()
    assert len(found) == len(set(found)) == min(n, n_pool)


def test_without_a_number_every_image_is_drawn_once_in_random_order() -> None:
    found = drawn(torch.arange(50), None, Rng(0)).tolist()
    assert sorted(found) == list(range(50)) != found


@pytest.mark.parametrize("output", LEVELS)
def test_every_level_of_output_makes_a_useful_copy(thief: Thief, output: Output) -> None:
    world = thief(GRANTS.model_copy(update={"output": output, "top_k": 3}))
    copy = world.play(Retrain(epochs=30))
    assert world.accuracy(copy) > 0.8
    assert world.spent("images_queried") == len(world.task.splits.thief)


def test_rounded_and_cut_rows_still_teach(thief: Thief) -> None:
    world = thief(GRANTS.model_copy(update={"output": "top-k", "top_k": 1, "decimals": 1}))
    assert world.accuracy(world.play(Retrain(epochs=30))) > 0.8


def test_true_classes_are_neither_needed_nor_used(thief: Thief) -> None:
    """Labels that are not granted are all zero: a copy that used them would fail."""
    world = thief(GRANTS)
    assert int(world.access.data().labels.max()) == 0
    assert world.accuracy(world.play(Retrain(epochs=30))) > 0.8


def test_all_is_asked_in_one_round(thief: Thief) -> None:
    world = thief(GRANTS.model_copy(update={"max_batch": 100}))
    world.play(replace(SHORT, n_queries=250))
    asked = {meter: world.spent(meter) for meter in ("images_queried", "rounds", "calls", "models")}
    assert asked == {"images_queried": 250, "rounds": 1, "calls": 3, "models": 1}
    assert world.spent("steps") == 3 * 4


def test_where_the_budget_ends_early_the_answered_part_is_learnt(thief: Thief) -> None:
    world = thief(GRANTS.model_copy(update={"budget": Budget(images_queried=100)}))
    world.play(SHORT)
    assert world.spent("images_queried") == 100
    assert world.spent("steps") == 3 * 2  # 100 images in batches of 64


def test_a_budget_of_nothing_ends_the_move(thief: Thief) -> None:
    world = thief(GRANTS.model_copy(update={"budget": Budget(images_queried=0)}))
    with pytest.raises(BudgetExceeded):
        world.play(SHORT)


@pytest.mark.parametrize(("known", "architecture"), [(True, "cnn8"), (False, "mlp")])
def test_the_copy_has_the_architecture_that_the_thief_knows(
    thief: Thief, known: bool, architecture: str
) -> None:
    world = thief(GRANTS.model_copy(update={"architecture": known}))
    assert world.play(SHORT).card.architecture == architecture


def test_a_pool_is_asked_in_place_of_own_data(thief: Thief) -> None:
    noise = torch.from_numpy(Rng(0).numpy().integers(0, 256, (120, 1, 8, 8)).astype("uint8"))
    pool = Dataset("noise", noise, torch.zeros(120, dtype=torch.int64), ("none", "other"))
    world = thief(ThreatModel(output="labels", pool="noise"), pool=pool)
    world.play(Knockoff(epochs=2))
    assert world.spent("images_queried") == 120


def test_without_a_pool_there_is_no_knockoff(thief: Thief) -> None:
    with pytest.raises(RuleViolation, match="grants no 'pool'"):
        thief(GRANTS).play(Knockoff())
    assert GRANTS.missing(Knockoff.needs) == ["a pool data set"]


def test_labels_and_images_are_enough_to_be_admitted() -> None:
    assert ThreatModel(output="labels", data=0.1).missing(Retrain.needs) == []
    assert ThreatModel(output="labels", pool="x").missing(Knockoff.needs) == []


def test_the_copy_starts_from_weights_of_its_own(thief: Thief) -> None:
    world = thief(GRANTS)
    one, again, other = (world.play(SHORT, seed) for seed in (1, 1, 2))
    assert one.digest() == again.digest() != other.digest()


def test_a_harsher_knockoff_trains_longer_and_asks_no_more() -> None:
    mild, harsh = Knockoff().at(0), Knockoff().at(1)
    assert mild.epochs < Knockoff().epochs <= harsh.epochs
    assert mild.n_queries == harsh.n_queries
