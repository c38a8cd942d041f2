"""Entanglement: how close triggers lie to the class that they are taught as, layer by layer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.world import layers
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, Hook, StepView
from defenders.triggers.trigger_sets import TriggerFeed


def soft_nearest_neighbour(rows: Tensor, groups: Tensor, temperature: float) -> Tensor:
    """Return the soft nearest neighbour loss of rows (N, D) in groups (N,): a scalar.

    The mean of -log of the share that a row's own group has in sum exp(-distance / T) over all
    other rows; a row that is alone in its group does not count. High where groups are entangled,
    0 where they are far apart. Distances are 1 - cosine.
    Source: Frosst et al., ICML 2019; cosines as in the code of Jia et al., 2021.

    >>> import torch
    >>> rows, groups = torch.eye(2).repeat_interleave(2, 0), torch.tensor([0, 0, 1, 1])
    >>> round(float(soft_nearest_neighbour(rows, groups, 0.1)), 4)
    0.0001
    >>> round(float(soft_nearest_neighbour(torch.ones(4, 2), groups, 0.1)), 4)  # one of three
    1.0986
    """
    unit = F.normalize(rows, dim=1)
    near = -(1 - unit @ unit.T) / temperature
    self_ = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    same = (groups[:, None] == groups[None]) & ~self_
    paired = same.any(1)
    if not bool(paired.any()):
        return rows.sum() * 0
    own = near.masked_fill(~same, -torch.inf)[paired].logsumexp(1)
    everyone = near.masked_fill(self_, -torch.inf)[paired].logsumexp(1)
    return (everyone - own).mean()


class EntangledFeed(Hook):
    """Appends triggers and images of their target class to every batch, and entangles the two."""

    def __init__(
        self,
        triggers: Examples,
        targets: Examples,
        per_batch: int,
        kappa: float,
        temperature: float,
    ) -> None:
        self.feeds = [
            TriggerFeed(part.images, part.targets, per_batch) for part in (triggers, targets)
        ]
        self.per_batch, self.kappa, self.temperature = per_batch, kappa, temperature

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Begin both orders, and find the last three hidden layers."""
        assert isinstance(model, Model)  # noqa: S101 - the trainer trains nothing else
        for i, feed in enumerate(self.feeds):
            feed.start(model, rng.child(i), device)
        self.layers = layers.activations(model, model.card.input_shape)[-3:]

    def examples(self, step: int) -> Examples | None:
        """Return the next few triggers, and as many images of the target class behind them."""
        first, second = (feed.examples(step) for feed in self.feeds)
        assert first is not None  # noqa: S101 - whoever marks has triggers
        assert second is not None  # noqa: S101 - and images of the class that they go to
        return first.joined(second)

    def loss(self, view: StepView) -> Tensor:
        """Return -kappa times the mean loss of the layers: to entangle is to raise it."""
        groups = torch.arange(2, device=view.outputs.device).repeat_interleave(self.per_batch)
        found = [
            soft_nearest_neighbour(
                view.activations[name][view.n_own :].flatten(1), groups, self.temperature
            )
            for name in self.layers
        ]
        return -self.kappa * torch.stack(found).mean()
