"""Decision trees as networks of tensors: what path finding steals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from arena.errors import ModelError
from arena.world.models.registry import architecture
from arena.world.rng import Rng

_MAX_LEAVES = 2**16


@dataclass(frozen=True)
class Node:
    """One node: where a split sends an input, or what a leaf answers.

    Attributes:
        logits: (C,), the logarithms of a leaf's probabilities; zeros in a split.
        feature: index into the flattened input. threshold: inputs up to it go left.
        left, right: indices of nodes; a leaf has -1.
    """

    logits: Sequence[float]
    feature: int = 0
    threshold: float = 0.0
    left: int = -1
    right: int = -1


class DecisionTree(nn.Module):
    """A binary tree with room for a number of leaves; node 0 is the root.

    Every number is a buffer, so a tree travels as tensors like any network. A leaf is its own
    child: a walk that has arrived stays where it is.
    """

    feature: Tensor  # int64 (M,)
    threshold: Tensor  # (M,)
    left: Tensor  # int64 (M,)
    right: Tensor  # int64 (M,)
    logits: Tensor  # (M, C)

    def __init__(self, n_features: int, n_classes: int, leaves: int) -> None:
        super().__init__()
        self.n_features, self.leaves = n_features, leaves
        n_nodes = 2 * leaves - 1
        self.register_buffer("feature", torch.zeros(n_nodes, dtype=torch.int64))
        self.register_buffer("threshold", torch.zeros(n_nodes))
        self.register_buffer("left", torch.arange(n_nodes))
        self.register_buffer("right", torch.arange(n_nodes))
        self.register_buffer("logits", torch.zeros(n_nodes, n_classes))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits (B, C) of the leaves that inputs (B, ...) fall into.

        Indices are clamped and the walk has an end, so that a stranger's tensors answer nonsense
        at worst.
        """
        rows = inputs.flatten(1)  # (B, D)
        n_nodes = len(self.feature)
        feature = self.feature.clamp(0, self.n_features - 1)
        left, right = self.left.clamp(0, n_nodes - 1), self.right.clamp(0, n_nodes - 1)
        at = torch.zeros(len(rows), dtype=torch.int64, device=rows.device)
        for _ in range(self.leaves - 1):  # no path is longer
            goes_left = rows.gather(1, feature[at, None])[:, 0] <= self.threshold[at]
            reached = torch.where(goes_left, left[at], right[at])
            if torch.equal(reached, at):
                break
            at = reached
        return self.logits[at]

    def grow(self, nodes: Sequence[Node]) -> None:
        """Become the tree of these nodes; the first is the root.

        Raises:
            ModelError: there are none, or more than there is room for.
        """
        room = len(self.feature)
        if not 1 <= len(nodes) <= room:
            raise ModelError(f"expected a tree of 1 to {room} nodes, found {len(nodes)}")
        used = slice(0, len(nodes))
        own = range(len(nodes))
        lefts = [i if node.left < 0 else node.left for i, node in zip(own, nodes, strict=True)]
        rights = [i if node.right < 0 else node.right for i, node in zip(own, nodes, strict=True)]
        self.left.copy_(torch.arange(room))
        self.right.copy_(torch.arange(room))
        self.left[used], self.right[used] = torch.tensor(lefts), torch.tensor(rights)
        self.feature[used] = torch.tensor([node.feature for node in nodes])
        self.threshold[used] = _rounded_down([float(node.threshold) for node in nodes])
        logits = torch.tensor(np.array([node.logits for node in nodes]))
        self.logits[used] = logits.to(self.logits)


def _rounded_down(thresholds: Sequence[float]) -> Tensor:
    """Return the largest float32 below each threshold: inputs of that type fall on the same side.

    >>> bool(_rounded_down([0.1]).double() <= 0.1)
    True
    """
    exact = torch.tensor(thresholds, dtype=torch.float64)
    near = exact.float()
    below = torch.nextafter(near, torch.full_like(near, -math.inf))
    return torch.where(near.double() > exact, below, near)


def _fit(body: nn.Module, inputs: Tensor, targets: Tensor, rng: Rng) -> None:
    """Learn as scikit-learn's trees do; a row that is not one-hot counts for each class in part.

    Leaves answer smoothed frequencies, (n_c + 1) / (n + C): a pure leaf keeps its confidence.
    Source: Provost and Domingos: Tree induction for probability-based ranking, 2003.
    """
    assert isinstance(body, DecisionTree)  # noqa: S101 - the registry pairs them
    from sklearn.tree import DecisionTreeClassifier  # half a second that few processes need

    rows, shares = inputs.flatten(1).cpu().numpy(), targets.cpu().double()
    image, label = shares.nonzero(as_tuple=True)
    seed = rng.integer() % 2**32
    tree = DecisionTreeClassifier(max_leaf_nodes=body.leaves, random_state=seed)
    weights = shares[image, label].numpy()
    tree.fit(rows[image.numpy()], label.numpy(), sample_weight=weights)
    body.grow(_nodes(tree, shares.shape[1]))


def _nodes(fitted: Any, n_classes: int) -> list[Node]:
    tree = fitted.tree_
    counts = np.zeros((tree.node_count, n_classes))
    counts[:, fitted.classes_] = tree.value[:, 0] * tree.weighted_n_node_samples[:, None]
    logits = np.log((counts + 1) / (counts.sum(1, keepdims=True) + n_classes))
    splits = zip(
        tree.feature.tolist(),
        tree.threshold.tolist(),
        tree.children_left.tolist(),
        tree.children_right.tolist(),
        strict=True,
    )
    return [
        Node(row, max(feature, 0), threshold if left >= 0 else 0.0, left, right)
        for row, (feature, threshold, left, right) in zip(logits, splits, strict=True)
    ]


@architecture("tree", fit=_fit)
def tree(shape: tuple[int, ...], n_classes: int, *, leaves: int = 32) -> nn.Module:
    """Decision tree on the flattened input, of any shape; fitted by scikit-learn, no gradients.

    Args:
        shape: shape of one input.
        n_classes: number of logits.
        leaves: the most that it may have.

    Raises:
        ModelError: the number of leaves is below 2 or above 65,536.
    """
    if not 2 <= leaves <= _MAX_LEAVES:
        raise ModelError(f"the leaves of tree are a number from 2 to {_MAX_LEAVES}, found {leaves}")
    return DecisionTree(prod(shape), n_classes, leaves)
