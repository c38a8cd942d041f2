"""Sparse tickets: masks of convolutions, and a code written into one of them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arena.world import layers
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Hook, StepView
from defenders.weights.scheme.lottery import kernel_norms

Masks = dict[str, Tensor]
"""Name of a convolution -> (O, I, kh, kw), 1 where a weight may live."""


def best_window(norms: Tensor, code: Tensor) -> tuple[int, int, float]:
    """Return row and column of the window of a layer's kernels (O, I) that suits a code best.

    And the share in [0, 1] of modules that agree there, a kernel being there where it is above the
    layer's median.
    """
    signs = (norms > norms.median()).double() * 2 - 1
    wanted = code.double() * 2 - 1
    scores = F.conv2d(signs[None, None], wanted[None, None])[0, 0]
    place = int(scores.argmax())
    share = float(scores.max() / code.numel() + 1) / 2
    return place // scores.shape[1], place % scores.shape[1], share


def written(mask: Tensor, code: Tensor, row: int, column: int, rng: Rng) -> Tensor:
    """Return a mask (O, I, kh, kw) with a code: kernels are emptied, or get one random weight.

    Random weights are then opened in kernels that are there, so that the layer is as sparse as
    before. Source: Chen et al., NeurIPS 2021 (its second scheme).
    """
    random, mask = rng.numpy(), mask.contiguous().clone()
    n_alive = int(mask.sum())
    kernels = mask.view(*mask.shape[:2], -1)  # (O, I, kh * kw)
    rows, columns = code.shape
    window = kernels[row : row + rows, column : column + columns]
    places = torch.from_numpy(random.integers(0, kernels.shape[2], code.shape))
    opened = (code > 0) & ~window.bool().any(2)
    window[code == 0] = 0
    window[opened] = F.one_hot(places, kernels.shape[2]).to(mask)[opened]
    free = (kernels == 0) & kernels.bool().any(2, keepdim=True)
    candidates = random.permutation(free.flatten().nonzero()[:, 0].numpy())
    n_lost = max(n_alive - int(mask.sum()), 0)
    mask.view(-1)[torch.from_numpy(candidates[:n_lost])] = 1
    return mask


def pruned(model: Model, masks: Masks, rate: float) -> Masks:
    """Return masks without the `rate` of living weights that are smallest, over all layers."""
    sizes = {
        name: layers.weight(model, name).detach().cpu().abs().where(mask > 0, -1.0)
        for name, mask in masks.items()
    }
    living = torch.cat([size[size >= 0] for size in sizes.values()])
    least = living.kthvalue(max(1, int(rate * len(living)))).values
    return {name: (size > least).float() for name, size in sizes.items()}


def best_place(model: Model, masks: Masks, code: Tensor) -> tuple[str, int, int]:
    """Return the layer, row and column of the window that suits the code best."""
    found = {}
    for name, mask in masks.items():
        if mask.shape[0] >= code.shape[0] and mask.shape[1] >= code.shape[1]:
            norms = kernel_norms(layers.weight(model, name).detach().cpu() * mask)
            found[name] = best_window(norms, code)
    layer = max(found, key=lambda name: found[name][2])
    return layer, found[layer][0], found[layer][1]


class Ticket(Hook):
    """Keeps the weights outside of the masks at zero."""

    def __init__(self, masks: Masks) -> None:
        self.masks = masks
        self._pairs: list[tuple[Tensor, Tensor]] = []

    def start(self, model: nn.Module, rng: Rng, device: str) -> None:
        """Find the layers and clear them for the first time."""
        self._pairs = [
            (layers.weight(model, name), mask.to(device)) for name, mask in self.masks.items()
        ]
        self._clear()

    def after_step(self, view: StepView) -> None:
        """Undo what the optimiser did outside of the masks."""
        self._clear()

    def _clear(self) -> None:
        with torch.no_grad():
            for weight, mask in self._pairs:
                weight.mul_(mask)
