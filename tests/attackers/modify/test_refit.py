"""REFIT: the sweep of learning rates, what decides it, elasticity and foreign images."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from arena.errors import PlayerError
from arena.game.rules.threat import ThreatModel, preset
from arena.world.data import Dataset
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, Recipe
from attackers.modify.refit import Elastic, Foreign, Refit, RefitAugmented, fisher
from tests.attackers.conftest import Thief, World

GRANTS = preset("whitebox_third")
SHORT = Refit(epochs=2)


def tried(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """Return the list in which the laboratory writes down each training from now on."""
    recipes: list[Recipe] = []
    lab = type(world.access.lab)
    real = lab.train

    def train(this, model, examples, recipe, rng, hooks=()):  # type: ignore[no-untyped-def]
        recipes.append(recipe)
        return real(this, model, examples, recipe, rng, hooks)

    monkeypatch.setattr(lab, "train", train)
    return recipes


def test_rates_are_swept_from_the_largest_down(
    thief: Thief, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = thief(GRANTS)
    recipes = tried(world, monkeypatch)
    lrs = (0.01, 0.1, 0.001)
    world.play(replace(SHORT, lrs=lrs, tolerance=-1.0))  # no rate can gain that much
    assert [recipe.lr for recipe in recipes] == [0.1, 0.01, 0.001]
    assert {recipe.optimiser for recipe in recipes} == {"sgd"}
    n = len(world.task.splits.thief) - round(0.2 * len(world.task.splits.thief))
    assert world.spent("steps") == 3 * 2 * math.ceil(n / 100)


def test_the_sweep_ends_at_the_first_rate_that_the_model_survives(
    thief: Thief, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = thief(GRANTS)
    recipes = tried(world, monkeypatch)
    world.play(replace(SHORT, lrs=(50.0, 1e-4, 1e-5)))
    assert [recipe.lr for recipe in recipes] == [50.0, 1e-4]


def test_where_none_is_survived_the_most_accurate_is_delivered(thief: Thief) -> None:
    world = thief(GRANTS)
    picky = replace(SHORT, tolerance=-1.0)
    wild = world.play(replace(picky, lrs=(50.0,)))
    both = world.play(replace(picky, lrs=(50.0, 1e-4)))
    assert both.digest() == world.play(replace(picky, lrs=(1e-4,))).digest()
    assert world.accuracy(wild) < world.accuracy(both)


def test_what_decides_is_held_out_own_data_and_nothing_else(
    thief: Thief, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = thief(GRANTS)
    seen: list[Any] = []
    lab = type(world.access.lab)
    real = lab.accuracy

    def accuracy(this, model: Model, examples: Examples) -> float:  # type: ignore[no-untyped-def]
        seen.extend(bytes(image.numpy()) for image in examples.images)
        return real(this, model, examples)

    monkeypatch.setattr(lab, "accuracy", accuracy)
    world.play(SHORT)
    own = {bytes(image.numpy()) for image in world.task.splits.thief.images}
    assert set(seen) <= own
    assert len(set(seen)) <= round(0.2 * len(own))
    assert not set(seen) & {bytes(image.numpy()) for image in world.task.splits.test.images}
    assert world.spent("images_queried") == world.spent("verifier_calls") == 0


def test_the_rate_falls_after_each_epoch() -> None:
    recipe = Refit(gamma=0.9).recipe(0.05)
    assert (recipe.schedule, recipe.gamma, recipe.weight_decay) == ("exponential", 0.9, 5e-4)


def test_fisher_information_is_the_mean_squared_gradient(thief: Thief) -> None:
    world = thief(GRANTS)
    examples = Examples.of(world.access.data()).select(torch.arange(40))
    found = fisher(world.access.lab, world.victim.copy(), examples)
    model = world.victim.copy().eval()
    total = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    for i in range(40):
        model.zero_grad()
        images = world.access.lab.compute.images(examples.images[i : i + 1])
        torch.nn.functional.cross_entropy(model(images), examples.targets[i : i + 1]).backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None
            total[name] += parameter.grad.square() / 40
    for name, rows in total.items():
        assert torch.allclose(found[name], rows, atol=1e-6, rtol=1e-3), name
    assert world.spent("images_backward") == 40


def test_elasticity_is_zero_at_the_start_and_capped(trained: Model) -> None:
    information = {name: torch.full_like(p, 100.0) for name, p in trained.named_parameters()}
    elastic = Elastic(information, k=10.0, lr=0.5)
    assert all(float(rows.max()) == pytest.approx(0.2) for rows in elastic.weights.values())
    elastic.start(trained, Rng(0), "cpu")
    assert elastic.loss(None).item() == 0  # type: ignore[arg-type]
    with torch.no_grad():
        next(trained.parameters()).add_(1.0)
    n = next(trained.parameters()).numel()
    assert elastic.loss(None).item() == pytest.approx(0.5 * 10 * 0.2 * n, rel=1e-4)  # type: ignore[arg-type]


def test_elasticity_holds_the_weights_back(thief: Thief) -> None:
    world = thief(GRANTS)

    def moved(attack: Refit) -> float:
        model = world.play(attack)
        pairs = zip(model.parameters(), world.victim.parameters(), strict=True)
        return float(sum((one - two).detach().square().sum() for one, two in pairs))

    free = Refit(epochs=3, lrs=(0.05,), tolerance=1.0)
    assert moved(replace(free, elasticity=1000.0, n_fisher=100)) < moved(free)


def test_foreign_images_carry_the_stolen_models_answers(thief: Thief, task_pool: Dataset) -> None:
    world = thief(GRANTS.model_copy(update={"pool": "shapes"}), pool=task_pool)
    (feed,) = RefitAugmented(n_foreign=20).beside(world.access, world.access.model())
    assert isinstance(feed, Foreign)
    assert torch.equal(feed.pool.targets, world.answers(task_pool.images))
    feed.start(world.victim, Rng(0), "cpu")
    batch = feed.examples(0)
    assert len(batch) == 20
    own = {bytes(image.numpy()) for image in task_pool.images}
    assert {bytes(image.numpy()) for image in batch.images} <= own
    assert world.accuracy(world.play(RefitAugmented(epochs=2, lrs=(0.01,)))) > 0.8


@pytest.fixture
def task_pool(thief: Thief) -> Dataset:
    data = thief(GRANTS).task.splits.calibration
    return Dataset("negatives", 255 - data.images, data.labels, data.classes)


def test_the_victim_is_not_touched_and_the_rng_decides(thief: Thief, trained: Model) -> None:
    world = thief(GRANTS)
    one, again, other = (world.play(SHORT, seed) for seed in (1, 1, 2))
    assert one.digest() == again.digest() != other.digest()
    assert world.victim.digest() == trained.digest()


def test_a_single_image_is_too_few(thief: Thief) -> None:
    world = thief(ThreatModel(output="weights", data=1e-9, data_labels=True))
    with pytest.raises(PlayerError, match="at least 2 own images, found 1"):
        world.play(SHORT)


@pytest.mark.parametrize("lrs", [(), (0.1, 0.0), (-0.1,)])
def test_rates_must_be_above_zero(lrs: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="learning rates above 0"):
        Refit(lrs=lrs)


def test_strength_turns_the_tolerance() -> None:
    assert (Refit().at(0).tolerance, Refit().at(1).tolerance) == (0.0, 0.2)
