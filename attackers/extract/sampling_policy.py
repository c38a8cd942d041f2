"""The parts of an adaptive policy: rewards, a bandit over classes, and a stock of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from arena.world.data import Dataset
from arena.world.rng import Rng

Reward = Literal["certainty", "diversity", "loss"]


def certainty(rows: Tensor) -> Tensor:
    """Return how sure the victim is (B,): the difference of the two greatest in each row (B, C).

    >>> certainty(torch.tensor([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]])).tolist()
    [0.25, 1.0]
    """
    best = rows.topk(2, 1).values
    return best[:, 0] - best[:, 1]


def diversity(rows: Tensor, mean: Tensor) -> Tensor:
    """Return how much each row (B, C) exceeds the mean answer so far (C,), summed over classes.

    >>> diversity(torch.tensor([[1.0, 0.0], [0.5, 0.5]]), torch.tensor([0.5, 0.5])).tolist()
    [0.5, 0.0]
    """
    return (rows - mean).clamp_min(0).sum(1)


class Rewards:
    """The wanted rewards of answers, each rescaled to [0, 1] by what was seen so far, averaged."""

    def __init__(self, wanted: Sequence[Reward], n_classes: int) -> None:
        self._wanted = tuple(wanted)
        self._total, self._n_answers = torch.zeros(n_classes), 0
        self._low = torch.full((len(self._wanted),), torch.inf)
        self._high = -self._low

    def of(self, rows: Tensor, logits: Tensor) -> Tensor:
        """Return the rewards (B,) of answered rows (B, C), given the substitute's logits for them.

        The loss is the substitute's cross-entropy to the answers before it learns from them.
        """
        self._total, self._n_answers = self._total + rows.sum(0), self._n_answers + len(rows)
        known = {
            "certainty": certainty(rows),
            "diversity": diversity(rows, self._total / self._n_answers),
            "loss": F.cross_entropy(logits, rows, reduction="none"),
        }
        raw = torch.stack([known[name] for name in self._wanted], 1)  # (B, R)
        self._low = torch.minimum(self._low, raw.amin(0))
        self._high = torch.maximum(self._high, raw.amax(0))
        return ((raw - self._low) / (self._high - self._low).clamp_min(1e-12)).mean(1)


class SamplingPolicy:
    """A gradient bandit over the classes of a pool. Source: Orekondy et al. 2019.

    Attributes:
        preferences: (Z,); a class is drawn with the softmax of them.
        n_drawn: (Z,), how often each was drawn: its steps shrink as the inverse.
        baseline: the mean reward so far.
    """

    def __init__(self, n_classes: int) -> None:
        self.preferences, self.n_drawn = torch.zeros(n_classes), torch.zeros(n_classes)
        self.baseline = 0.0

    def chances(self, left: Tensor) -> Tensor:
        """Return the chance (Z,) of each class, given how many images of it are left (Z,)."""
        return self.preferences.masked_fill(left == 0, -torch.inf).softmax(0)

    def learn(self, label: int, chances: Tensor, reward: float) -> None:
        """Prefer a drawn class more, and the others less, as its reward exceeds the mean."""
        self.n_drawn[label] += 1
        self.baseline += (reward - self.baseline) / float(self.n_drawn.sum())
        gain = (reward - self.baseline) / float(self.n_drawn[label])
        self.preferences -= gain * chances
        self.preferences[label] += gain


@dataclass(frozen=True)
class Draw:
    """One image of a pool, its class, and the chances (Z,) with which that was drawn."""

    index: int
    label: int
    chances: Tensor


class Stock:
    """A pool's images by class, each handed out once."""

    def __init__(self, pool: Dataset, rng: Rng) -> None:
        order = torch.randperm(len(pool), generator=rng.child("order").torch())
        labels = pool.labels[order]
        self._piles = [order[labels == label].tolist() for label in range(pool.n_classes)]
        self._generator = rng.child("draws").torch()

    def left(self) -> Tensor:
        """Return how many images of each class are left (Z,)."""
        return torch.tensor([len(pile) for pile in self._piles])

    def draw(self, policy: SamplingPolicy) -> Draw:
        """Hand out one image of a class that the policy draws; one at least must be left."""
        chances = policy.chances(self.left())
        label = int(torch.multinomial(chances, 1, generator=self._generator))
        return Draw(int(self._piles[label].pop()), label, chances)
