"""A model that is fed wrongly is met at the door, and told what would help."""

from __future__ import annotations

import pytest
import torch

from arena.errors import ModelError
from arena.runs.judge.door import Entrance, check_knows
from arena.world.models import Model, build
from arena.world.models.loaders.words import with_constants
from arena.world.models.model import restore
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from arena.world.training import Examples, Recipe, Trainer


@pytest.fixture(scope="module")
def digits() -> Task:
    return load_task(TaskSpec(model="mlp"))


@pytest.fixture(scope="module")
def trained(digits: Task) -> Model:
    """Return a model that was trained on values from -1 to 1."""
    model = build(with_constants(digits.card, {"mean": 0.5, "std": 0.5}), Rng(0))
    own = Examples.of(digits.splits.owner)
    Trainer(digits.compute).train(model, own, Recipe(epochs=10), Rng(1))
    return model


def _fed(model: Model, mean: float, std: float) -> Model:
    card = with_constants(model.card, {"mean": mean, "std": std})
    return restore(card, model.state_dict())


def test_a_model_that_answers_its_data_passes(digits: Task, trained: Model) -> None:
    assert check_knows(trained, digits) > 0.7


def test_a_wrong_normalisation_is_found_and_the_right_one_named(
    digits: Task, trained: Model
) -> None:
    with pytest.raises(ModelError, match=r"chance.*set --victim-architecture '.*mean = \[") as said:
        check_knows(_fed(trained, 40.0, 0.01), digits, "--victim-architecture")
    assert "\n" not in str(said.value)


def test_another_order_of_classes_is_found(digits: Task, trained: Model) -> None:
    other = trained.copy()
    head = other.body.get_submodule(other.kind.head(other).removeprefix("body."))
    with torch.no_grad():
        for tensor in (head.weight, head.bias):
            assert isinstance(tensor, torch.Tensor)
            tensor.copy_(tensor.roll(3, 0))
    with pytest.raises(ModelError, match="classes are in another order"):
        check_knows(other, digits)


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_an_untrained_model_is_told_every_likely_cause(digits: Task, seed: int) -> None:
    untrained = build(digits.card, Rng(seed))
    with torch.no_grad():
        for parameter in untrained.parameters():
            parameter.mul_(1e-3)
    with pytest.raises(ModelError, match=r"normalisation.*range.*order of the classes.*channels"):
        check_knows(untrained, digits)


@pytest.mark.parametrize(
    ("accuracy", "chance", "n_images", "is_near"),
    [
        (0.11, 0.1, 10_000, True),  # a little above is of no use
        (0.9, 0.1, 450, False),
        (0.19, 0.1, 10_000, True),
        (0.2, 0.1, 10_000, False),
        (0.75, 0.5, 8, True),  # six of eight may be luck
        (0.12, 0.01, 10_000, False),  # weak on many classes
        (0.9, 0.9, 1_000, True),  # the most frequent class alone
    ],
)
def test_near_chance(accuracy: float, chance: float, n_images: int, is_near: bool) -> None:
    assert Entrance(accuracy, chance, n_images).is_near_chance == is_near
