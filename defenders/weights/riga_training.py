"""What RIGA trains beside the model: an extractor that reads bits, a critic that looks for them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.world import layers
from arena.world.graph import LayerGraph
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Hook, StepView
from defenders.weights.scheme.riga import Perceptron, perceptron
from defenders.weights.scheme.uchida import carrier

_CLIP = 0.1  # bound on the critic's weights


def fresh_net(rng: Rng, n_in: int, n_hidden: int, n_out: int) -> Perceptron:
    """Return weights that keep the size of standard normal inputs, and zero biases."""
    generator = rng.torch()
    weight = torch.randn(n_hidden, n_in, generator=generator) * (2 / n_in) ** 0.5
    head = torch.randn(n_out, n_hidden, generator=generator) * (1 / n_hidden) ** 0.5
    return weight, torch.zeros(n_hidden), head, torch.zeros(n_out)


def ranked(rows: Tensor) -> Tensor:
    """Return rows (B, M) sorted from large to small: all that the critic sees of them."""
    return rows.sort(1, descending=True).values


def reordered(model: Model, layer: str, n_orders: int, rng: Rng) -> Tensor:
    """Return the carriers (n_orders, M) of one layer: as they are, then in orders drawn at random.

    Initial weights are exchangeable and training knows no order: an independent model with its
    channels in another order is as likely as with its own. So one null model is worth many.
    """
    graph, generator = LayerGraph.of(model), rng.torch()
    slots = [
        (group.n_units, slot)
        for group in (*graph.writing(layer), *graph.reading(layer))
        for slot in group.slots()
        if slot.layer == layer and slot.side in ("out", "in")
    ]
    rows = [carrier(layers.weight(model, layer).detach().cpu())]
    for _ in range(n_orders - 1):
        weight = layers.weight(model, layer).detach().cpu()
        for n_units, slot in slots:
            axis = 0 if slot.side == "out" else 1
            index = torch.arange(weight.shape[axis])
            units = index[slot.start : slot.start + n_units * slot.block].view(n_units, slot.block)
            moved = units[torch.randperm(n_units, generator=generator)].flatten()
            index[slot.start : slot.start + len(moved)] = moved.clone()
            weight = weight.index_select(axis, index)
        rows.append(carrier(weight))
    return torch.stack(rows)


@dataclass(frozen=True)
class Contest:
    """How the three learn against each other; the fields are RIGA's parameters."""

    strength: float
    hiding: float
    hidden: int
    n_critic: int
    n_extractor: int
    n_warm: int
    every: int
    batch: int
    lr: float


class Rivals(Hook):
    """The model's extra loss, and the steps of its rivals.

    strength * sum of the bits' cross-entropies under the extractor + hiding * critic(sorted
    carrier); the critic learns to be low on unmarked carriers and high on the marked one (WGAN),
    the extractor to read the bits from the marked one and coins from the others.
    Source: Wang and Kerschbaum, WWW 2021 (RIGA).

    Args:
        contest: how.
        layer: that carries the bits.
        bits: (T,).
        pool: (N, M) carriers of unmarked models.
        extractor: where it starts; `extractor` holds where it has got to.

    Attributes:
        unit: (1,) the size of unmarked weights, by which all carriers are divided.
    """

    def __init__(
        self, contest: Contest, layer: str, bits: Tensor, pool: Tensor, extractor: Perceptron
    ) -> None:
        self.contest, self.layer, self.bits = contest, layer, bits.float()
        self.unit = pool.std()[None]
        self.pool = pool / self.unit
        self.extractor = extractor
        self.critic: Perceptron  # made by `start`
        self._weight, self._generator = torch.empty(0), torch.Generator()
        self._coins = torch.empty(0)
        self._optimisers: list[torch.optim.Optimizer] = []

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Move everything to the device; make the critic and both optimisers."""
        contest = self.contest
        self._weight = layers.weight(model, self.layer)
        self._generator = rng.child("batches").torch(device)
        self.bits, self.pool = self.bits.to(device), self.pool.to(device)
        self.unit = self.unit.to(device)
        critic = fresh_net(rng.child("critic"), self.pool.shape[1], contest.hidden, 1)
        self.extractor, self.critic = _placed(self.extractor, device), _placed(critic, device)
        coins = torch.rand(len(self.pool), len(self.bits), generator=rng.child("coins").torch())
        self._coins = coins.round().to(device)
        self._optimisers = [
            torch.optim.RMSprop(net, lr=contest.lr, foreach=True)
            for net in (self.extractor, self.critic)
        ]
        for _ in range(contest.n_warm):
            self._train_extractor(self.pool[:0])

    def loss(self, view: StepView) -> Tensor:
        """Return what makes the bits readable and the weights inconspicuous."""
        row = carrier(self._weight).float()[None] / self.unit  # (1, M)
        scores = perceptron(_fixed(self.extractor), row)[0]
        loss = F.binary_cross_entropy_with_logits(scores, self.bits, reduction="sum")
        loss = self.contest.strength * loss
        if self.contest.hiding:
            loss = loss + self.contest.hiding * perceptron(_fixed(self.critic), ranked(row)).sum()
        return loss

    def after_step(self, view: StepView) -> None:
        """Let critic and extractor catch up, once in a while."""
        if view.step % self.contest.every:
            return
        row = carrier(self._weight.detach()).float()[None] / self.unit
        for _ in range(self.contest.n_critic if self.contest.hiding else 0):
            self._train_critic(row)
        for _ in range(self.contest.n_extractor):
            self._train_extractor(row)

    def _train_critic(self, row: Tensor) -> None:
        unmarked, marked = (
            perceptron(self.critic, ranked(rows)).mean() for rows in (self.pool[self._drawn()], row)
        )
        _improve(self.critic, self._optimisers[1], unmarked - marked)
        with torch.no_grad():
            for tensor in self.critic:
                tensor.clamp_(-_CLIP, _CLIP)

    def _train_extractor(self, marked: Tensor) -> None:
        """Make a step with the marked carrier (1, M), or without one (0, M)."""
        index, n_marked = self._drawn(), len(marked)
        scores = perceptron(self.extractor, torch.cat([marked, self.pool[index]]))
        targets = torch.cat([self.bits.expand(n_marked, -1), self._coins[index]])
        each = F.binary_cross_entropy_with_logits(scores, targets, reduction="none").mean(1)
        _improve(
            self.extractor, self._optimisers[0], each[:n_marked].sum() + each[n_marked:].mean()
        )

    def _drawn(self) -> Tensor:
        size, device = (self.contest.batch,), self.pool.device
        return torch.randint(len(self.pool), size, generator=self._generator, device=device)


def _placed(net: Perceptron, device: str) -> Perceptron:
    weight, bias, head, shift = (
        tensor.detach().clone().to(device).requires_grad_(True) for tensor in net
    )
    return weight, bias, head, shift


def _fixed(net: Perceptron) -> Perceptron:
    weight, bias, head, shift = (tensor.detach() for tensor in net)
    return weight, bias, head, shift


def _improve(net: Perceptron, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    for tensor, gradient in zip(net, torch.autograd.grad(loss, net), strict=True):
        tensor.grad = gradient
    optimiser.step()
