"""Equation solving: exact where the equations are linear, close where they are not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arena.game.rules.threat import Budget, ThreatModel
from arena.game.sides.lab import Lab
from arena.world.models import Model, ModelCard, build
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Examples, Recipe, Trainer
from arena.world.training.engine import History
from attackers.extract.exact.equation import (
    EquationMlp,
    EquationSoftmax,
    softmax_solution,
)
from tests.attackers.conftest import COMPUTE, Thief, World

EXACT = ThreatModel(output="probabilities", double=True)


def victim(task: Task, card: ModelCard, epochs: int) -> Model:
    model = build(card, Rng(3))
    Trainer(COMPUTE).train(model, Examples.of(task.splits.owner), Recipe(epochs=epochs), Rng(4))
    return model


@pytest.fixture(scope="module")
def linear(task: Task) -> Model:
    return victim(task, task.card_for("softmax"), 30)


@pytest.fixture(scope="module")
def perceptron(task: Task) -> Model:
    return victim(task, task.card_for("mlp", {"hidden": [5]}), 30)


def world_of(thief: Thief, grants: ThreatModel, model: Model) -> World:
    world = thief(grants)
    world.gate.victim = model.copy()
    return world


def agreement(world: World, copy: Model, n: int = 4000) -> float:
    """Return the share of uniform inputs on which both answer the same, in float64."""
    images = torch.rand(n, 1, 8, 8, generator=Rng(8).torch(), dtype=torch.float64)
    ours, theirs = (COMPUTE.logits(m, images, double=True) for m in (copy, world.victim))
    return float((ours.argmax(1) == theirs.argmax(1)).double().mean())


def test_softmax_regression_is_copied_exactly_with_d_plus_1_queries(
    thief: Thief, linear: Model
) -> None:
    world = world_of(thief, EXACT, linear)
    copy = world.play(EquationSoftmax())
    assert world.spent("images_queried") == world.spent("images_unique") == 8 * 8 + 1
    assert (world.spent("rounds"), world.spent("steps")) == (1, 0)
    assert agreement(world, copy) > 0.999
    test = world.task.splits.test.images
    torch.testing.assert_close(
        COMPUTE.probabilities(copy, test), COMPUTE.probabilities(linear, test), atol=1e-4, rtol=0
    )


def test_784_inputs_take_785_queries(thief: Thief) -> None:
    card = ModelCard(
        architecture="softmax", n_classes=10, input_shape=(1, 28, 28), mean=(0.13,), std=(0.31,)
    )
    world = world_of(thief, EXACT, build(card, Rng(0)))
    world.access.card = card
    copy = world.play(EquationSoftmax())
    assert world.spent("images_queried") == 785
    images = torch.rand(2000, 1, 28, 28, generator=Rng(8).torch(), dtype=torch.float64)
    ours, theirs = (COMPUTE.logits(m, images, double=True) for m in (copy, world.victim))
    assert float((ours.argmax(1) == theirs.argmax(1)).double().mean()) > 0.999


def test_agreement_falls_with_two_decimals(thief: Thief, linear: Model) -> None:
    found = {}
    for decimals in (None, 5, 2):
        grants = EXACT.model_copy(update={"decimals": decimals})
        world = world_of(thief, grants, linear)
        found[decimals] = agreement(world, world.play(EquationSoftmax()))
    assert found[None] > 0.999
    assert found[2] < found[5] <= found[None]
    assert found[2] < 0.8


def test_more_queries_help_against_rounding(thief: Thief, linear: Model) -> None:
    rounded = EXACT.model_copy(update={"decimals": 2})
    once, tenfold = world_of(thief, rounded, linear), world_of(thief, rounded, linear)
    few, many = once.play(EquationSoftmax()), tenfold.play(EquationSoftmax(factor=10))
    assert tenfold.spent("images_queried") == 650
    assert agreement(tenfold, many) > agreement(once, few) + 0.1


@pytest.mark.parametrize("fields", [{"real_inputs": True}, {"output": "logits"}])
def test_a_richer_interface_gives_the_same_copy(
    thief: Thief, linear: Model, fields: dict[str, object]
) -> None:
    world = world_of(thief, EXACT.model_copy(update=fields), linear)
    assert agreement(world, world.play(EquationSoftmax())) > 0.999


def test_where_the_budget_ends_the_answered_equations_are_solved(
    thief: Thief, linear: Model
) -> None:
    grants = EXACT.model_copy(update={"budget": Budget(images_queried=40)})
    world = world_of(thief, grants, linear)
    copy = world.play(EquationSoftmax())
    assert world.spent("images_queried") == 40
    assert bool(torch.isfinite(copy.body.get_parameter("fc.weight")).all())


@given(st.integers(1, 12), st.integers(2, 6), st.integers(0, 99))
def test_the_solution_answers_as_any_softmax_does(d: int, c: int, seed: int) -> None:
    generator = Rng(seed).torch()
    weight = torch.randn(c, d, generator=generator, dtype=torch.float64)
    bias = torch.randn(c, generator=generator, dtype=torch.float64)
    inputs = torch.randn(d + 1, d, generator=generator, dtype=torch.float64)
    found = softmax_solution(inputs, (inputs @ weight.T + bias).softmax(1))
    other = torch.randn(20, d, generator=generator, dtype=torch.float64)
    wanted = (other @ weight.T + bias).softmax(1)
    torch.testing.assert_close(
        (other @ found[0].T + found[1]).softmax(1), wanted, atol=1e-5, rtol=0
    )


def test_what_is_common_to_all_classes_is_set_to_zero() -> None:
    inputs = torch.randn(9, 4, generator=Rng(0).torch(), dtype=torch.float64)
    weight, bias = softmax_solution(inputs, inputs[:, :3].softmax(1))
    torch.testing.assert_close(weight.sum(0), torch.zeros(4, dtype=torch.float64))
    assert abs(float(bias.sum())) < 1e-9


def test_of_another_victim_it_is_the_linear_model_that_fits(thief: Thief) -> None:
    copy = thief(EXACT).play(EquationSoftmax())
    assert (copy.card.architecture, copy.card.arguments) == ("softmax", {})


@pytest.mark.slow
def test_a_perceptron_is_copied_closely_with_five_queries_a_weight(
    thief: Thief, perceptron: Model
) -> None:
    grants = ThreatModel(output="probabilities", architecture=True)
    world = world_of(thief, grants, perceptron)
    world.access.card = perceptron.card
    copy = world.play(EquationMlp())
    assert copy.card == perceptron.card
    assert agreement(world, copy) > 0.9


@pytest.mark.parametrize(("alpha", "n"), [(1.0, 385), (0.5, 193)])
def test_queries_are_counted_in_unknown_weights(thief: Thief, alpha: float, n: int) -> None:
    """h * (d + 1) + c * (h + 1) = 5 * 65 + 10 * 6 = 385."""
    world = thief(ThreatModel(output="probabilities"))
    copy = world.play(EquationMlp(alpha=alpha, hidden=(5,), epochs=2, starts=2))
    assert world.spent("images_queried") == n
    assert (world.spent("models"), copy.card.arguments) == (2, {"hidden": [5]})


def test_the_start_with_the_lowest_loss_is_delivered(
    thief: Thief, perceptron: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[float, Model]] = []
    train = Lab.train

    def heard(lab: Lab, model: Model, *rest: Any) -> History:
        history = train(lab, model, *rest)
        trained.append((history.losses[-1], model))
        return history

    monkeypatch.setattr(Lab, "train", heard)
    world = world_of(thief, ThreatModel(output="probabilities"), perceptron)
    copy = world.play(EquationMlp(alpha=1.0, hidden=(5,), epochs=5, starts=4))
    least, best = min(trained, key=lambda one: one[0])
    assert len({loss for loss, _ in trained}) == 4
    assert copy.digest() == best.digest(), least


@pytest.mark.parametrize("fields", [{"starts": 0}, {"epochs": 0}])
def test_there_is_a_start_and_an_epoch(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected 1 or more starts and epochs"):
        EquationMlp(**fields)
