"""Models trained at once are the models trained one after another."""

from __future__ import annotations

import pytest
import torch

from arena.errors import ArenaError
from arena.world.compute import Compute
from arena.world.models import build
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Augment, Examples, Recipe, Trainer
from arena.world.training.pool import train_pool

SGD = Recipe(steps=5, batch=32, optimiser="sgd", lr=0.01, schedule="cosine", weight_decay=1e-3)


# Adam and BatchNorm together are left out: biases before BatchNorm have no gradient but rounding
# noise, which Adam blows up to full steps.
@pytest.mark.parametrize(
    ("architecture", "recipe"),
    [("mlp", Recipe(steps=5, batch=32)), ("mlp", SGD), ("cnn8", SGD)],
    ids=["mlp-adam", "mlp-sgd", "cnn8-sgd"],
)
def test_a_pool_equals_its_members(task: Task, architecture: str, recipe: Recipe) -> None:
    card = task.card_for(architecture)
    examples = Examples.of(task.splits.owner).select(torch.arange(96))
    alone = [build(card, Rng(i)) for i in range(3)]
    for i, model in enumerate(alone):
        Trainer().train(model, examples, recipe, Rng(10 + i))
    pool = [build(card, Rng(i)) for i in range(3)]
    train_pool(pool, examples, recipe, [Rng(10 + i) for i in range(3)], Compute())
    images = task.splits.test.images
    for one, other in zip(alone, pool, strict=True):
        torch.testing.assert_close(
            Compute().logits(other, images), Compute().logits(one, images), atol=5e-3, rtol=1e-2
        )


def test_members_of_a_pool_differ_and_learn(task: Task) -> None:
    pool = [build(task.card_for("mlp"), Rng(i)) for i in range(4)]
    recipe = Recipe(epochs=12, batch=32, augment=Augment(shift=0.05))
    train_pool(pool, Examples.of(task.splits.owner), recipe, [Rng(i) for i in range(4)], Compute())
    assert len({model.digest() for model in pool}) == 4
    test = task.splits.test
    assert min(Compute().accuracy(m, test.images, test.labels) for m in pool) > 0.85


@pytest.mark.parametrize(
    "recipe",
    [Recipe(clip=1.0), Recipe(patience=2), Recipe(train="last"), Recipe(batch_norm="frozen")],
)
def test_what_cannot_be_done_for_all_at_once_is_refused(task: Task, recipe: Recipe) -> None:
    pool = [build(task.card, Rng(0))]
    with pytest.raises(ArenaError, match="train them apart"):
        train_pool(pool, Examples.of(task.splits.owner), recipe, [Rng(0)], Compute())


def test_a_pool_has_one_card(task: Task) -> None:
    pool = [build(task.card, Rng(0)), build(task.card_for("mlp"), Rng(0))]
    with pytest.raises(ArenaError, match="expected a pool of models with one card"):
        train_pool(pool, Examples.of(task.splits.owner), Recipe(), [Rng(0)] * 2, Compute())
