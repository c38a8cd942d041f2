"""Variants of a training: what independent models differ by."""

from __future__ import annotations

import pytest
import torch

from arena.world.models import ModelCard, build
from arena.world.rng import Rng
from arena.world.training import Examples, Recipe, Trainer
from arena.world.training.variants import VARIANTS, Robust, Variant

CARD = ModelCard(architecture="mlp", n_classes=4, input_shape=(1, 4, 4), mean=(0.5,), std=(0.5,))
DATA = Examples(torch.rand(60, 1, 4, 4), torch.arange(60) % 4)


def test_the_task_s_own_recipe_is_no_variant() -> None:
    own = Variant()
    assert own.recipe_for(Recipe(epochs=3), 60) == Recipe(epochs=3)
    assert own.examples(DATA, Rng(0)) is DATA
    assert own.card(CARD) == CARD
    assert own.hooks(CARD) == []


def test_a_length_is_counted_in_steps() -> None:
    recipe = Variant(length=0.25).recipe_for(Recipe(epochs=8, batch=20), 60)
    assert recipe.steps == 6
    assert Variant(length=1e-6).recipe_for(Recipe(epochs=8), 60).steps == 1


def test_a_share_of_the_data_and_wrong_labels() -> None:
    some = Variant(share=0.5, wrong_labels=0.5).examples(DATA, Rng(0))
    assert len(some) == 30
    rows = [int((DATA.images == image).flatten(1).all(1).nonzero()[0]) for image in some.images]
    wrong = int((DATA.targets[rows] != some.targets).sum())
    assert 5 <= wrong <= 25
    assert int(some.targets.max()) < 4


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_trains(name: str) -> None:
    variant, rng = VARIANTS[name], Rng(0)
    card, data = variant.card(CARD), variant.examples(DATA, rng)
    model = build(card, rng)
    before = [p.detach().clone() for p in model.parameters()]
    recipe = variant.recipe_for(Recipe(epochs=2, batch=20), len(data))
    Trainer().train(model, data, recipe, rng, variant.hooks(card))
    changed = [bool((a != b).any()) for a, b in zip(before, model.parameters(), strict=True)]
    assert any(changed)
    assert all(bool(p.isfinite().all()) for p in model.parameters())


def test_robust_training_lowers_the_loss_on_adversarial_examples() -> None:
    def loss_near(hooks: list[Robust]) -> float:
        model = build(CARD, Rng(1))
        Trainer().train(model, DATA, Recipe(epochs=40, lr=0.01), Rng(2), hooks)
        images = DATA.images.clone().requires_grad_(True)
        found = torch.nn.functional.cross_entropy(model(images), DATA.targets)
        (slope,) = torch.autograd.grad(found, images)
        moved = (images + 0.1 * slope.sign()).clamp(0, 1).detach()
        return torch.nn.functional.cross_entropy(model(moved), DATA.targets).item()

    assert loss_near([Robust(0.1)]) < loss_near([])
