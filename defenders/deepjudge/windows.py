"""Convolutions on images that lie batch-last, (C, H, W, B), as one matrix product each.

With the batch innermost a window of an image is a run of contiguous memory, so gathering windows
and adding them back is fast, and a product serves all images at once. For the few channels of a
shallow layer this beats the library's convolutions, whose vectors run over channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def gather(images: Tensor, size: int, stride: int) -> Tensor:
    """Return every window as a column: (C, H, W, B) -> (C * size * size, h * w * B)."""
    windows = images.unfold(1, size, stride).unfold(2, size, stride)  # (C, h, w, B, size, size)
    return windows.permute(0, 4, 5, 1, 2, 3).reshape(len(images) * size * size, -1)


def scatter(columns: Tensor, shape: tuple[int, int, int, int], size: int, stride: int) -> Tensor:
    """Return images (C, H, W, B) to which every window was added: the adjoint of `gather`.

    `size` is a multiple of `stride`, so the images are cut into stride x stride blocks and whole
    planes of blocks are added at a time.
    """
    channels, height, width, n = shape
    h, w = (height - size) // stride + 1, (width - size) // stride + 1
    steps, rows, breadth = size // stride, h + size // stride - 1, w + size // stride - 1
    parts = columns.view(channels, steps, stride, steps, stride, h, w, n)
    blocks = columns.new_zeros(channels, rows, stride, breadth, stride, n)
    for i in range(steps):
        for j in range(steps):
            blocks[:, i : i + h, :, j : j + w] += parts[:, i, :, j].permute(0, 3, 1, 4, 2, 5)
    images = blocks.view(channels, rows * stride, breadth * stride, n)
    return F.pad(images, (0, 0, 0, width - breadth * stride, 0, height - rows * stride))


class _Windows(torch.autograd.Function):
    """`matrix @ gather(images)`; the matrix is a constant."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, matrix: Tensor, size: int, stride: int) -> Tensor:
        ctx.save_for_backward(matrix)
        ctx.shape, ctx.size, ctx.stride = images.shape, size, stride
        return matrix @ gather(images, size, stride)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (matrix,) = ctx.saved_tensors
        columns = matrix.T @ gradients[0]
        return scatter(columns, ctx.shape, ctx.size, ctx.stride), None, None, None


class _Spread(torch.autograd.Function):
    """`scatter(matrix.T @ images)` with stride 1: a convolution to a single channel."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, matrix: Tensor, size: int) -> Tensor:
        ctx.save_for_backward(matrix)
        ctx.shape, ctx.size = images.shape, size
        channels, height, width, n = images.shape
        canvas = (1, height + size - 1, width + size - 1, n)
        return scatter(matrix @ images.reshape(channels, -1), canvas, size, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (matrix,) = ctx.saved_tensors
        return (matrix.T @ gather(gradients[0], ctx.size, 1)).view(ctx.shape), None, None


class _FirstOfFour(torch.autograd.Function):
    """The largest of four planes (4, C, N); the first takes the gradient of a tie, as in a pool."""

    @staticmethod
    def forward(ctx: Any, planes: Tensor) -> Tensor:
        a, b, c, d = planes
        upper, lower = torch.maximum(a, b), torch.maximum(c, d)
        ctx.save_for_backward(a >= b, c >= d, upper >= lower)
        return torch.maximum(upper, lower)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        first, third, up = ctx.saved_tensors
        above: Tensor = gradients[0] * up
        below = gradients[0] - above
        planes: Tensor = above.new_empty(4, *above.shape)
        torch.mul(above, first, out=planes[0])
        torch.sub(above, planes[0], out=planes[1])
        torch.mul(below, third, out=planes[2])
        torch.sub(below, planes[2], out=planes[3])
        return planes


@dataclass(frozen=True)
class Stage:
    """A convolution of stride 1, perhaps with a 2x2 maximum pool and a ReLU behind it."""

    weight: Tensor  # (O, I, k, k)
    bias: Tensor  # (O,)
    padding: int
    relu: bool = False
    pool: bool = False

    def __call__(self, images: Tensor) -> Tensor:
        """Return (O, h, w, B) for (I, H, W, B).

        A pooled output sees a window one wider than the kernel; the four places of the kernel in
        that window are four rows of the matrix, so the pool is a maximum over them. Bias and ReLU
        are monotone and come behind it.
        """
        n_out, step = len(self.weight), 2 if self.pool else 1
        size = self.weight.shape[-1] + step - 1
        padded = F.pad(images, (0, 0, *[self.padding] * 4))  # (I, H + 2p, W + 2p, B)
        h, w = ((length - size) // step + 1 for length in padded.shape[1:3])
        out: Tensor = _Windows.apply(padded, self._matrix(), size, step)
        if self.pool:
            out = _FirstOfFour.apply(out.view(4, n_out, -1))
        out = out.view(n_out, h, w, -1) + self.bias.view(-1, 1, 1, 1)
        return out.relu() if self.relu else out

    def _matrix(self) -> Tensor:
        if not self.pool:
            return self.weight.flatten(1)
        n_out, n_in, k, _ = self.weight.shape
        placed = self.weight.new_zeros(2, 2, n_out, n_in, k + 1, k + 1)
        for i in range(2):
            for j in range(2):
                placed[i, j, :, :, i : i + k, j : j + k] = self.weight
        return placed.view(4 * n_out, -1)

    def channel_mean(self, images: Tensor, channel: int) -> Tensor:
        """Return the spatial mean (B,) of one channel of the output, computing no other channel."""
        k = self.weight.shape[-1]
        kernel = self.weight[channel].flip(1, 2).permute(1, 2, 0).reshape(k * k, -1)  # (k * k, I)
        full: Tensor = _Spread.apply(images, kernel, k)
        crop = k - 1 - self.padding
        inner = full[:, crop : full.shape[1] - crop, crop : full.shape[2] - crop]
        return (inner + self.bias[channel]).relu().mean((0, 1, 2))
