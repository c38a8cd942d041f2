"""Activations as a mixture of classes, and the centres that DeepSigns trains beside the model."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.world.rng import Rng
from arena.world.training import Hook, StepView
from defenders.weights.scheme.deepsigns import features

_TINY = 1e-12


def mixture_loss(rows: Tensor, labels: Tensor, centres: Tensor) -> Tensor:
    """Return what makes activations (B, M) a mixture of classes around centres (S, M).

    Half the squared distance to the own centre (mean over the rows), and the distance of each
    centre to its nearest other one, to be enlarged. Source: Darvish Rouhani et al., ASPLOS 2019.
    """
    near = 0.5 * (rows - centres[labels]).square().sum(1).mean()
    squares, products = centres.square().sum(1), centres @ centres.T
    squared = (squares[:, None] + squares - 2 * products).clamp_min(_TINY)  # (S, S)
    nearest = squared.detach().fill_diagonal_(torch.inf).argmin(1)
    each = torch.arange(len(centres), device=centres.device)
    distance = squared[each, nearest].sqrt()
    cosine = products[each, nearest] / (squares * squares[nearest]).clamp_min(_TINY).sqrt()
    return near + ((cosine - 1) * distance).mean()


class Mixture(Hook):
    """The extra loss, and the centres that are trained beside the model.

    `spread` * mixture loss + `strength` * sum over the marked classes' bits of the cross-entropy of
    sigmoid(centre @ matrix).

    Args:
        layer: whose outputs are the activations.
        centres: (S, M) where they start.
        key: "classes" (n,), "matrix" (M, N) and "bits" (n, N).
        spread: weight of the mixture. strength: weight of the bits.
        lr: Adam's, as a share of the size of the centres' entries.
    """

    def __init__(
        self,
        layer: str,
        centres: Tensor,
        key: Mapping[str, Tensor],
        *,
        spread: float,
        strength: float,
        lr: float,
    ) -> None:
        self.layers = (layer,)
        self.centres, self.key = centres, dict(key)
        self.spread, self.strength, self.lr = spread, strength, lr

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Move the key to the device; make the optimiser of the centres."""
        self.key = {name: tensor.to(device) for name, tensor in self.key.items()}
        self.centres = self.centres.detach().clone().to(device).requires_grad_(True)
        size = float(self.centres.detach().std())
        self._optimiser = torch.optim.Adam([self.centres], lr=self.lr * size)

    def loss(self, view: StepView) -> Tensor:
        """Return mixture and bits."""
        rows = features(view.activations[self.layers[0]].float())[: view.n_own]
        targets = view.targets[: view.n_own]
        labels = targets if targets.dim() == 1 else targets.argmax(1)
        scores = self.centres[self.key["classes"]] @ self.key["matrix"]
        wrong = F.binary_cross_entropy_with_logits(
            scores, self.key["bits"].float(), reduction="sum"
        )
        return self.spread * mixture_loss(rows, labels, self.centres) + self.strength * wrong

    def after_step(self, view: StepView) -> None:
        """Let the centres follow."""
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
