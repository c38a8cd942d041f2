"""Decision trees as tensors: the same answers as scikit-learn's, and safe in a stranger's file."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor

from arena.errors import ArenaError, ModelError
from arena.game.rules.meters import Meters
from arena.world.compute import Compute
from arena.world.models import Model, ModelCard, build, pack, unpack
from arena.world.models.nets.tree import DecisionTree, Node
from arena.world.models.registry import fit_of
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Examples, Hook, Recipe, Trainer


def card(task: Task, leaves: int = 32) -> ModelCard:
    return task.card_for("tree", {"leaves": leaves})


def grown(task: Task, leaves: int = 32, targets: Tensor | None = None) -> Model:
    model = build(card(task, leaves), Rng(0))
    own = task.splits.owner
    examples = Examples(own.images, own.labels if targets is None else targets)
    Trainer().train(model, examples, Recipe(), Rng(1))
    return model


def test_it_answers_as_scikit_learn_does(task: Task) -> None:
    model, own, test = grown(task), task.splits.owner, task.splits.test
    seed = Rng(1).child("fit").integer() % 2**32
    theirs = DecisionTreeClassifier(max_leaf_nodes=32, random_state=seed)
    with torch.no_grad():
        known = model.normalise(own.images.float() / 255).flatten(1).numpy()
        asked = model.normalise(test.images.float() / 255).flatten(1).numpy()
    theirs.fit(known, own.labels.numpy())
    assert np.array_equal(Compute().labels(model, test.images).numpy(), theirs.predict(asked))


def test_a_leaf_answers_smoothed_frequencies(task: Task) -> None:
    model, own = grown(task, leaves=2), task.splits.owner
    rows = Compute().probabilities(model, own.images, double=True)
    for answer in rows.unique(dim=0):
        here = own.labels[(rows == answer).all(1)]
        counts = torch.bincount(here, minlength=10).double()
        torch.testing.assert_close(answer, (counts + 1) / (len(here) + 10), atol=1e-6, rtol=0)


@pytest.mark.parametrize("leaves", [2, 7, 40])
def test_it_has_no_more_leaves_than_its_card_says(task: Task, leaves: int) -> None:
    rows = Compute().logits(grown(task, leaves), task.splits.owner.images)
    assert len(rows.unique(dim=0)) <= leaves


def test_more_leaves_know_the_training_data_better(task: Task) -> None:
    own = task.splits.owner
    found = [Compute().accuracy(grown(task, n), own.images, own.labels) for n in (2, 10, 40)]
    assert found == sorted(found)
    assert found[-1] > 0.9


def test_rows_count_for_each_class_in_part(task: Task) -> None:
    own = task.splits.owner
    hard = torch.nn.functional.one_hot(own.labels, 10).float()
    same = grown(task, targets=hard)
    assert same.digest() == grown(task).digest()
    unsure = Compute().probabilities(grown(task, targets=hard * 0.5 + 0.05), own.images)
    assert float(unsure.max()) < float(Compute().probabilities(same, own.images).max())


def test_logits_to_distil_from_become_rows(task: Task) -> None:
    own = task.splits.owner
    logits = torch.nn.functional.one_hot(own.labels, 10) * 20.0 - 10
    model = build(card(task), Rng(0))
    Trainer().train(model, Examples(own.images, logits), Recipe(loss="distillation"), Rng(1))
    assert Compute().accuracy(model, own.images, own.labels) > 0.8


def test_a_fit_is_one_step_on_the_meter(task: Task) -> None:
    meters, own = Meters(), task.splits.owner
    model = build(card(task), Rng(0))
    history = Trainer(Compute(), meters).train(model, Examples.of(own), Recipe(), Rng(1))
    assert (history.n_steps, meters.reading().steps) == (1, 1)
    assert meters.reading().images_forward == len(own)


def test_it_travels_as_tensors(task: Task) -> None:
    model = grown(task)
    again = unpack(pack(model))
    assert again.digest() == model.digest()
    images = task.splits.test.images
    assert torch.equal(Compute().logits(again, images), Compute().logits(model, images))


def test_a_watermark_cannot_be_trained_in(task: Task) -> None:
    model = build(card(task), Rng(0))
    with pytest.raises(ArenaError, match="expected a model that follows gradients"):
        Trainer().train(model, Examples.of(task.splits.owner), Recipe(), Rng(1), [Hook()])


def test_a_path_by_hand() -> None:
    tree = DecisionTree(n_features=2, n_classes=2, leaves=3)
    answers = [[0.0, 0.0], [1.0, 2.0], [0.0, 0.0], [3.0, 4.0], [5.0, 6.0]]
    tree.grow(
        [
            Node(answers[0], feature=1, threshold=0.5, left=1, right=2),
            Node(answers[1]),
            Node(answers[2], feature=0, threshold=-1.0, left=3, right=4),
            Node(answers[3]),
            Node(answers[4]),
        ]
    )
    inputs = torch.tensor([[9.0, 0.5], [-1.0, 0.6], [0.0, 0.6]])
    assert tree(inputs).tolist() == [answers[1], answers[3], answers[4]]


def test_a_strangers_indices_never_leave_the_tree(task: Task) -> None:
    model = grown(task)
    for name in ("feature", "left", "right"):
        model.body.get_buffer(name).fill_(2**40)
    assert Compute().logits(model, task.splits.test.images).shape == (len(task.splits.test), 10)


@pytest.mark.parametrize("n_nodes", [0, 4])
def test_a_tree_must_have_room_for_its_nodes(n_nodes: int) -> None:
    with pytest.raises(ModelError, match="expected a tree of 1 to 3 nodes"):
        DecisionTree(1, 2, leaves=2).grow([Node([0.0, 0.0])] * n_nodes)


@pytest.mark.parametrize("leaves", [1, 2**16 + 1])
def test_the_number_of_leaves_has_limits(task: Task, leaves: int) -> None:
    with pytest.raises(ModelError, match="the leaves of tree"):
        build(card(task, leaves), Rng(0))


def test_only_trees_bring_their_own_way_to_learn() -> None:
    assert fit_of("tree") is not None
    assert fit_of("cnn8") is None
