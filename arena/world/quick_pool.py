"""Max pooling by halves, with vector instructions, for images whose channels lie one by one.

On a CPU the library pools such images (N, C, H, W) one output after the other, which takes longer
than the convolution before it where channels are few; a convolution of grey images writes them so.
The larger of each pair of columns, then of each pair of rows, is the same maximum, and a tie is
still won by the first in the order of reading: outputs and gradients are the same bits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Halves(torch.autograd.Function):
    """max_pool2d(x, 2); what is kept for the gradient are masks of bits, -1 where it goes."""

    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:
        left, right = images[..., 0::2], images[..., 1::2]
        columns = torch.maximum(left, right)  # (N, C, H, W / 2)
        upper, lower = columns[..., 0::2, :], columns[..., 1::2, :]
        ctx.save_for_backward(_mask(right, left), _mask(lower, upper))
        return torch.maximum(upper, lower)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        right, lower = ctx.saved_tensors
        if torch.is_grad_enabled():  # somebody will differentiate it again
            return _spread(_spread(gradient, lower, 2), right, 3)
        columns = torch.empty_like(right)
        bits = gradient.contiguous().view(torch.int32)
        _share(bits, lower, columns[..., 0::2, :], columns[..., 1::2, :])
        images = columns.new_empty(*columns.shape[:3], 2 * columns.shape[3])
        _share(columns, right, images[..., 0::2], images[..., 1::2])
        return images.view(torch.float32)


def _mask(second: Tensor, first: Tensor) -> Tensor:
    """Return all bits where the second is the larger one, none where the first is or both are."""
    return (second > first).to(torch.int32).neg_()


def _share(bits: Tensor, mask: Tensor, first: Tensor, second: Tensor) -> None:
    """Write bits to the second place where the mask has them, to the first where it has not."""
    torch.bitwise_and(bits, mask, out=second)
    torch.bitwise_xor(bits, second, out=first)


def _spread(gradient: Tensor, mask: Tensor, axis: int) -> Tensor:
    """Return a gradient twice as long along an axis, each value where its maximum was."""
    second = mask != 0
    pair = gradient.masked_fill(second, 0), gradient.masked_fill(~second, 0)
    return torch.stack(pair, axis + 1).flatten(axis, axis + 1)


def halved(images: Tensor) -> Tensor:
    """Return max_pool2d(images, 2) for any images, quickly for those this module is about."""
    if (
        images.dtype != torch.float32
        or images.device.type != "cpu"
        or images.dim() != 4
        or images.shape[2] % 2
        or images.shape[3] % 2
        or not images.is_contiguous()
        or images.is_contiguous(memory_format=torch.channels_last)
    ):
        return F.max_pool2d(images, 2)
    if images.requires_grad and torch.is_grad_enabled():
        pooled: Tensor = _Halves.apply(images)
        return pooled
    columns = torch.maximum(images[..., 0::2], images[..., 1::2])
    return torch.maximum(columns[..., 0::2, :], columns[..., 1::2, :])


def _halves(module: nn.Module) -> bool:
    """Say whether a module is max pooling to half of each side."""
    return (
        type(module) is nn.MaxPool2d
        and module.kernel_size in (2, (2, 2))
        and module.stride in (2, (2, 2))
        and module.padding in (0, (0, 0))
        and module.dilation in (1, (1, 1))
        and not module.ceil_mode
        and not module.return_indices
    )


def quicken(model: nn.Module) -> list[nn.Module]:
    """Let a model's max pooling run by halves, in place; return the modules that this changed."""
    changed = [m for m in model.modules() if _halves(m) and "forward" not in vars(m)]
    for module in changed:
        module.forward = halved
    return changed


@contextlib.contextmanager
def quick_pools(model: nn.Module) -> Iterator[None]:
    """Let a model's max pooling run by halves meanwhile."""
    changed = quicken(model)
    try:
        yield
    finally:
        for module in changed:
            vars(module).pop("forward", None)
