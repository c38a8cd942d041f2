"""Path finding: the search for leaves, their assembly, and trees stolen whole."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from arena.errors import BudgetExceeded
from arena.game.rules.threat import Budget, ThreatModel
from arena.world.models import Model, build
from arena.world.models.nets.tree import DecisionTree, Node
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Examples, Recipe, Trainer
from attackers.extract.exact.tree_leaves import Leaf, Names, explored, line_search, on_lines
from attackers.extract.exact.tree_paths import TreePaths, assembled, best_cut
from tests.attackers.conftest import COMPUTE, Thief, World

EXACT = ThreatModel(output="probabilities", double=True)
TOP = 16


def grid_tree(seed: int, n_features: int, n_splits: int) -> DecisionTree:
    """Return a random tree over the grid, in which every leaf has an answer of its own."""
    random = Rng(seed).numpy()
    tree = DecisionTree(n_features, 2, n_splits + 1)
    nodes, open_leaves = [Node([0.0, 0.0])], [0]
    for _ in range(n_splits):
        at = open_leaves.pop(int(random.integers(len(open_leaves))))
        feature, threshold = int(random.integers(n_features)), int(random.integers(TOP)) + 0.5
        children = [len(nodes), len(nodes) + 1]
        nodes[at] = Node([0.0, 0.0], feature, threshold, *children)
        nodes += [Node([0.0, 0.0]), Node([0.0, 0.0])]
        open_leaves += children
    for number, at in enumerate(open_leaves):
        nodes[at] = Node([float(number + 1), 0.0])
    tree.grow(nodes)
    return tree


def everywhere(n_features: int) -> Tensor:
    return torch.tensor(list(product(range(TOP + 1), repeat=n_features)))


def answers_of(tree: DecisionTree) -> tuple[Tensor, list[Leaf]]:
    """Return what the tree answers on the whole grid, and the leaves that a search finds."""
    features = tree.n_features

    def oracle(points: Tensor) -> Tensor:
        answers: Tensor = tree(points.double())
        return answers.double().softmax(1)

    leaves = list(explored(oracle, torch.full((features,), TOP // 2), TOP, 100))
    return oracle(everywhere(features)), leaves


@given(st.integers(0, 500), st.integers(1, 3), st.integers(0, 7))
def test_the_leaves_found_cover_the_grid_once_and_answer_alike(
    seed: int, n_features: int, n_splits: int
) -> None:
    answers, leaves = answers_of(grid_tree(seed, n_features, n_splits))
    points = everywhere(n_features)
    holders = torch.tensor([[leaf.holds(point) for leaf in leaves] for point in points])
    assert torch.equal(holders.sum(1), torch.ones(len(points), dtype=torch.int64))
    found = torch.stack([leaf.answer for leaf in leaves])[holders.long().argmax(1)]
    torch.testing.assert_close(found, answers)


@given(st.integers(0, 500), st.integers(1, 3), st.integers(0, 7))
def test_assembled_leaves_are_the_tree_again(seed: int, n_features: int, n_splits: int) -> None:
    answers, leaves = answers_of(grid_tree(seed, n_features, n_splits))
    nodes = assembled(leaves, lambda feature, position: position + 0.5)
    assert len(nodes) == 2 * len(leaves) - 1
    again = DecisionTree(n_features, 2, max(2, len(leaves)))
    again.grow(nodes)
    found = again(everywhere(n_features).double()).double().softmax(1)
    torch.testing.assert_close(found, answers, atol=1e-6, rtol=0)


def test_a_line_shows_every_split_on_it() -> None:
    """Feature 0 is split after 3 and after 9; feature 1 does not matter."""

    def oracle(points: Tensor) -> Tensor:
        return (points[:, :1] > 3).double() + (points[:, :1] > 9).double()

    names, point = Names(oracle), torch.tensor([5, 8])
    own = names.ask(point[None])[0]
    assert line_search(names, point, own, TOP) == [[3, 9], []]


def test_splits_at_the_ends_of_the_range_are_found() -> None:
    def oracle(points: Tensor) -> Tensor:
        return (points > 0).double() + (points >= TOP).double()

    names, point = Names(oracle), torch.tensor([7])
    assert line_search(names, point, names.ask(point[None])[0], TOP) == [[0, TOP - 1]]


def test_the_last_bits_of_an_answer_do_not_make_another_leaf() -> None:
    rows = iter([torch.tensor([[0.5, 0.5], [0.5 + 1e-12, 0.5]]), torch.tensor([[0.5, 0.5 + 1e-6]])])
    names = Names(lambda _points: next(rows))
    assert names.ask(torch.zeros(2, 1)) == [0, 0]
    assert names.ask(torch.zeros(1, 1)) == [1]


def test_points_on_lines_move_one_feature_each() -> None:
    points = on_lines(torch.tensor([1, 2, 3]), [(0, 9), (2, 7)])
    assert points.tolist() == [[9, 2, 3], [1, 2, 7]]


def box(low: list[int], high: list[int], answer: float = 1.0) -> Leaf:
    return Leaf(torch.tensor(low), torch.tensor(high), torch.tensor([answer, 1 - answer]))


def test_a_cut_through_no_box_is_preferred() -> None:
    """Boxes as a tree leaves them: only feature 1 parts them all cleanly."""
    boxes = [box([0, 0], [16, 4]), box([0, 5], [7, 16]), box([8, 5], [16, 16])]
    low, high = (torch.stack([getattr(b, end) for b in boxes]) for end in ("low", "high"))
    assert best_cut(low, high) == (1, 4)
    assert best_cut(low[1:], high[1:]) == (0, 7)
    assert best_cut(low[:1], high[:1]) is None


def test_boxes_that_overlap_still_make_a_tree() -> None:
    """Leaves that answer alike give wrong boxes; assembly must end nevertheless."""
    boxes = [box([0, 0], [10, 10], 0.1), box([5, 5], [16, 16], 0.4), box([2, 2], [8, 16], 0.9)]
    nodes = assembled(boxes, lambda feature, position: position + 0.5)
    assert 1 <= len(nodes) <= 2 * len(boxes) + 3


def stolen(thief: Thief, task: Task, leaves: int, grants: ThreatModel = EXACT) -> World:
    world = thief(grants)
    model = build(task.card_for("tree", {"leaves": leaves}), Rng(0))
    Trainer(COMPUTE).train(model, Examples.of(task.splits.owner), Recipe(), Rng(1))
    world.gate.victim = model
    return world


def agreement(world: World, copy: Model) -> float:
    images = torch.rand(3000, 1, 8, 8, generator=Rng(8).torch())
    same = COMPUTE.labels(copy, images) == world.answers(images)
    return float(same.double().mean())


@pytest.mark.parametrize("leaves", [2, 8, 20])
def test_a_scikit_learn_tree_is_stolen_whole(thief: Thief, task: Task, leaves: int) -> None:
    world = stolen(thief, task, leaves)
    copy = world.play(TreePaths())
    assert copy.card.arguments == {"leaves": leaves}
    test = task.splits.test.images
    assert torch.equal(COMPUTE.labels(copy, test), world.answers(test))
    assert agreement(world, copy) > 0.99
    assert world.spent("steps") == 0


def test_coarser_search_asks_less_and_errs_near_the_splits(thief: Thief, task: Task) -> None:
    fine, coarse = stolen(thief, task, 8), stolen(thief, task, 8)
    exact, rough = fine.play(TreePaths(bits=10)), coarse.play(TreePaths(bits=3))
    assert coarse.spent("images_queried") < fine.spent("images_queried")
    assert agreement(coarse, rough) < agreement(fine, exact)


def test_the_number_of_leaves_bounds_the_search(thief: Thief, task: Task) -> None:
    world = stolen(thief, task, 20)
    assert world.play(TreePaths(max_leaves=3)).card.arguments == {"leaves": 3}


def test_answers_without_decimals_hide_leaves(thief: Thief, task: Task) -> None:
    blurred = EXACT.model_copy(update={"decimals": 0})
    world, sharp = stolen(thief, task, 20, blurred), stolen(thief, task, 20)
    assert agreement(world, world.play(TreePaths())) < agreement(sharp, sharp.play(TreePaths()))


def test_where_the_budget_ends_the_leaves_found_are_delivered(thief: Thief, task: Task) -> None:
    grants = EXACT.model_copy(update={"budget": Budget(images_queried=700)})
    world = stolen(thief, task, 20, grants)
    copy = world.play(TreePaths())
    assert world.spent("images_queried") == 700
    assert 2 <= int(copy.card.arguments["leaves"]) < 20


def test_without_one_leaf_there_is_no_move(thief: Thief, task: Task) -> None:
    grants = EXACT.model_copy(update={"budget": Budget(images_queried=20)})
    with pytest.raises(BudgetExceeded):
        stolen(thief, task, 8, grants).play(TreePaths())
