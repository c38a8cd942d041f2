"""Path finding: a decision tree is mapped leaf by leaf, and put together again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor

from arena.errors import BudgetExceeded
from arena.game.rules.threat import ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.attack import Attack, attack
from arena.game.sides.deliverable import Deliverable
from arena.game.sides.player import Dial
from arena.world.json_values import Json
from arena.world.models import Model
from arena.world.models.nets.tree import DecisionTree, Node
from arena.world.rng import Rng
from attackers.extract.exact.tree_leaves import Leaf, explored
from attackers.extract.queries import exact

_LEAST = 1e-12  # of a probability whose logarithm is taken


def best_cut(low: Tensor, high: Tensor) -> tuple[int, int] | None:
    """Return the feature, and the position after it, where to cut boxes; None if no cut parts any.

    Of the cuts with whole boxes (M, D) on both sides it is the one through the fewest boxes, then
    the most even one. The boxes of a tree always have a cut that goes through none.
    """
    best, found = float("inf"), None
    for feature in torch.nonzero((high != high[:1]).any(0))[:, 0].tolist():
        at = torch.unique(high[:, feature])  # (K,)
        left = (high[:, feature, None] <= at).sum(0)
        right = (low[:, feature, None] > at).sum(0)
        severed = len(high) - left - right
        scores = severed * (len(high) + 1) + torch.maximum(left, right)
        scores = scores.double().masked_fill((left == 0) | (right == 0), float("inf"))
        score, index = scores.min(0)
        if float(score) < best:
            best, found = float(score), (feature, int(at[index]))
    return found


def assembled(leaves: Sequence[Leaf], threshold: Callable[[int, int], float]) -> list[Node]:
    """Return the nodes of a tree with these leaves; the first is the root.

    Args:
        leaves: at least one.
        threshold: (feature, position) -> the number between that grid position and the next.
    """
    low = torch.stack([leaf.low for leaf in leaves])
    high = torch.stack([leaf.high for leaf in leaves])
    logits = [leaf.answer.clamp_min(_LEAST).log().tolist() for leaf in leaves]
    nodes, waiting = [Node(logits[0])], [(0, torch.arange(len(leaves)))]
    while waiting:
        index, members = waiting.pop()
        cut = best_cut(low[members], high[members])
        if cut is None:
            nodes[index] = Node(logits[int(members[0])])
            continue
        feature, position = cut
        left, right = len(nodes), len(nodes) + 1
        blank = [0.0] * len(logits[0])
        nodes[index] = Node(blank, feature, threshold(feature, position), left, right)
        nodes += [Node(blank), Node(blank)]
        waiting.append((left, members[low[members, feature] <= position]))
        waiting.append((right, members[high[members, feature] > position]))
    return nodes


@attack("tree-paths")
@dataclass(frozen=True, kw_only=True)
class TreePaths(Attack):
    """Maps a decision tree by moving one feature at a time and watching the leaf change.

    What: the answered probabilities name the leaf. From a point, every feature is moved over its
    range and the places where the leaf changes are bisected: they bound the leaf's box, and each
    piece beyond gives a point to go on from. The boxes are assembled into a tree again.
    Threat model: probabilities in float64; features range over [0, 1]; no data, no weights. The
    victim is a decision tree; of another kind this is a coarse tree of what was seen. Leaves that
    answer alike cannot be told apart and hide what lies between them.
    Parameters: bits (a split is located to within 2^-bits); max_leaves (the search ends there).
    Cost: for each leaf about D * (2 + splits on a line * bits) queries in bits + 2 adaptive rounds;
    no optimiser steps; one model.
    Differences to the paper: splits are found on one grid, so that leaves which share a split agree
    on it, at 2^-10 in place of 1e-3; no categorical features, no queries with features left out.
    Reference: Tramer et al.: Stealing machine learning models via prediction APIs, 2016, section 4.
    Versions: 1.
    """

    paper: ClassVar[str] = "Tramer et al., USENIX Security 2016"
    needs: ClassVar[ThreatModel] = ThreatModel(output="probabilities", double=True)
    victim: ClassVar[Mapping[str, Json]] = MappingProxyType(
        {"model": "tree", "arguments": {"leaves": 8}}
    )
    dial: ClassVar[Dial] = Dial("bits", 3, 12)

    bits: int = 10
    max_leaves: int = 1000

    def run(self, access: Access, rng: Rng) -> Deliverable:
        """Search while the budget lasts, then assemble what was found."""
        top, shape = 2**self.bits, access.card.input_shape

        def oracle(points: Tensor) -> Tensor:
            return _all_answers(access, points.double().reshape(-1, *shape) / top)

        start = torch.full((prod(shape),), top // 2)
        leaves: list[Leaf] = []
        try:
            leaves.extend(explored(oracle, start, top, self.max_leaves))
        except BudgetExceeded:
            if not leaves:
                raise
        return Deliverable(self._tree(access, leaves, rng))

    def _tree(self, access: Access, leaves: Sequence[Leaf], rng: Rng) -> Model:
        card, top = access.card, 2**self.bits
        normalised = [
            torch.tensor(values)
            .view(-1, *[1] * (len(card.input_shape) - 1))
            .expand(card.input_shape)
            .flatten()
            for values in (card.mean, card.std)
        ]
        mean, std = (values.tolist() for values in normalised)  # (D,) each

        def threshold(feature: int, position: int) -> float:
            return float(((position + 0.5) / top - mean[feature]) / std[feature])

        nodes = assembled(leaves, threshold)
        room = {"leaves": max(2, (len(nodes) + 1) // 2)}
        card = card.model_copy(update={"architecture": "tree", "arguments": room})
        model = access.lab.build(card, rng.child("model"))
        assert isinstance(model.body, DecisionTree)  # noqa: S101 - the card says so
        model.body.grow(nodes)
        return model


def _all_answers(access: Access, images: Tensor) -> Tensor:
    """Return an answer to every image; a part of them is of no use to a search.

    Raises:
        BudgetExceeded: the budget ends before.
    """
    rows = exact(access, images)
    while len(rows) < len(images):
        rows = torch.cat([rows, exact(access, images[len(rows) :])])
    return rows
