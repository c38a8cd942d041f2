"""Convolutions on images that lie batch-last, (H, C, W, B), as products with a matrix.

With the batch innermost, windows are cut along the width only: what lies below a row of windows is
then one contiguous matrix, and is multiplied where it lies. For the few channels of a shallow layer
this beats the library's convolutions, whose vectors run over channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def gather(images: Tensor, size: int, stride: int) -> Tensor:
    """Return the windows along the width: (H, C, W, B) -> (H, size * C, w, B)."""
    windows = images.unfold(2, size, stride)  # (H, C, w, B, size)
    height, _, w, n, _ = windows.shape
    return windows.permute(0, 4, 1, 2, 3).contiguous().view(height, -1, w, n)


def scatter(columns: Tensor, shape: tuple[int, ...], size: int, stride: int) -> Tensor:
    """Return images (H, C, W, B) to which every window was added: the adjoint of `gather`.

    `size` is a multiple of `stride`, so images are cut into blocks of `stride` pixels and a whole
    column of blocks is added at a time.
    """
    height, channels, width, n = shape
    steps, w = size // stride, columns.shape[2]
    parts = columns.view(height, steps, stride, channels, w, n)
    blocks = columns.new_zeros(height, channels, w + steps - 1, stride, n)
    for i in range(steps):
        blocks[:, :, i : i + w].add_(parts[:, i].permute(0, 2, 3, 1, 4))
    images = blocks.view(height, channels, -1, n)
    return F.pad(images, (0, 0, 0, width - images.shape[2]))


def multiply(matrix: Tensor, rows: Tensor, stride: int) -> Tensor:
    """Return (h, M, w, B): a matrix (M, k * C) times every `stride`-th k rows of (H, C, w, B)."""
    height, channels, w, n = rows.shape
    depth, area = matrix.shape[1], w * n
    h = (height - depth // channels) // stride + 1
    stacks = rows.as_strided((h, depth, area), (stride * channels * area, area, 1))  # no copy
    return torch.bmm(matrix.expand(h, -1, -1), stacks).view(h, -1, w, n)


def framed(rows: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Return room for such rows between `n` rows of zeros, and the part that is to be written."""
    whole = rows.new_empty(len(rows) + 2 * n, *rows.shape[1:])
    whole[:n] = whole[n + len(rows) :] = 0
    return whole, whole[n : n + len(rows)]


def bordered(rows: Tensor, n: int) -> Tensor:
    """Return rows between `n` rows of zeros."""
    whole, inner = framed(rows, n)
    inner.copy_(rows)
    return whole


@dataclass(frozen=True)
class Windows:
    """A constant matrix (M, size * size * C) for square windows, and how these lie."""

    matrix: Tensor
    size: int
    stride: int  # divides size

    @cached_property
    def adjoint(self) -> Tensor:
        """The matrix for gradients: of `stride` rows of columns, from `overlap` + 1 products."""
        n_out, n_stacked = len(self.matrix), self.size // self.stride
        parts = self.matrix.view(n_out, n_stacked, self.stride, -1).flip(1)
        return parts.permute(2, 3, 1, 0).reshape(-1, n_stacked * n_out)

    @property
    def overlap(self) -> int:
        """How many windows a row of pixels is shared with."""
        return self.size // self.stride - 1


class _Convolution(torch.autograd.Function):
    """A product with all windows; of four outputs of a window, perhaps, only the largest."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, windows: Windows, pool: bool) -> Tensor:
        size, stride = windows.size, windows.stride
        out = multiply(windows.matrix, gather(images, size, stride), stride)
        ctx.shape, ctx.windows, ctx.like, ctx.gains = images.shape, windows, out, ()
        if not pool:
            return out
        left, right = out.view(len(out), 2, 2, -1, *out.shape[2:]).unbind(2)
        upper, lower = torch.maximum(left, right).unbind(1)
        largest = torch.maximum(upper, lower)
        ctx.gains = lower.sub_(upper), right.sub_(left)  # in place: no more is needed of them
        return largest

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        windows, stride = ctx.windows, ctx.windows.stride
        whole, inner = framed(ctx.like, windows.overlap)
        if ctx.gains:
            lower, right = ctx.gains
            unpool(gradients[0], lower, right, inner)
        else:
            inner.copy_(gradients[0])
        columns = multiply(windows.adjoint, whole, 1)  # (h + overlap, stride * size * C, w, B)
        columns = columns.view(len(columns) * stride, -1, *columns.shape[2:])
        height = ctx.shape[0]
        images = scatter(columns, (len(columns), *ctx.shape[1:]), windows.size, stride)
        return F.pad(images, (0, 0) * 3 + (0, height - len(images))), None, None


def unpool(gradient: Tensor, lower: Tensor, right: Tensor, out: Tensor) -> None:
    """Write the gradient to the largest of each four; the first takes that of a tie.

    Args:
        gradient: of the largest, (h, O, w, B).
        lower: by how much the lower pair's larger one exceeds the upper pair's.
        right: by how much the right one exceeds the left one in each pair, (h, 2, O, w, B).
        out: where to write, (h, 4 * O, w, B).
    """
    pairs = right.new_empty(right.shape)
    _share(gradient, lower, *pairs.unbind(1))
    _share(pairs, right, *out.view(len(out), 2, 2, -1, *out.shape[2:]).unbind(2))


def _share(gradient: Tensor, gain: Tensor, first: Tensor, second: Tensor) -> None:
    """Write a gradient to the second where its gain is positive, else to the first."""
    torch.ops.aten.threshold_backward.grad_input(gradient, gain, 0, grad_input=second)
    torch.sub(gradient, second, out=first)


class _Spread(torch.autograd.Function):
    """A convolution to one channel: a product with all columns, then the windows are added up.

    Groups of images have kernels of their own; all but the products is done for all at once.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor, kernels: Kernels, padding: int) -> Tensor:
        size, n = kernels.size, images.shape[3]
        ctx.kernels, ctx.crop = kernels, size - 1 - padding
        columns = kernels.multiply(bordered(images, padding))  # (h, size, W, B)
        width = images.shape[2] + size - 1
        full = scatter(columns, (len(columns), 1, width, n), size, 1)
        return full[:, :, ctx.crop : width - ctx.crop]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        full = F.pad(gradients[0], (0, 0, ctx.crop, ctx.crop, 0, 0, ctx.crop, ctx.crop))
        return ctx.kernels.multiply_back(gather(full, ctx.kernels.size, 1)), None, None


@dataclass(frozen=True)
class Kernels:
    """For each group of images, in the order in which they lie, the kernel of one channel."""

    windows: list[Windows]
    counts: list[int]

    @property
    def size(self) -> int:
        """The side of the kernels."""
        return self.windows[0].size

    def multiply(self, rows: Tensor) -> Tensor:
        """Return the products of each group's rows with its kernel."""
        return self._products(rows, [windows.matrix for windows in self.windows])

    def multiply_back(self, rows: Tensor) -> Tensor:
        """Return the products of each group's gradients with the adjoint of its kernel."""
        return self._products(rows, [windows.adjoint for windows in self.windows])

    def _products(self, rows: Tensor, matrices: list[Tensor]) -> Tensor:
        parts = zip(matrices, torch.split(rows, self.counts, 3), strict=True)
        return torch.cat([multiply(matrix, part.contiguous(), 1) for matrix, part in parts], 3)


@dataclass(frozen=True)
class PipelineStage:
    """A convolution of stride 1, perhaps with a 2x2 maximum pool and a ReLU behind it."""

    weight: Tensor  # (O, I, k, k)
    bias: Tensor  # (O,)
    padding: int
    relu: bool = False
    pool: bool = False

    def __call__(self, images: Tensor) -> Tensor:
        """Return (h, O, w, B) for (H, I, W, B).

        A pooled output sees a window one wider than the kernel; the four places of the kernel in
        that window are four rows of the matrix, so the pool is a maximum over them. Bias and ReLU
        are monotone and come behind it.
        """
        p = self.padding
        padded = F.pad(images, (0, 0, p, p, 0, 0, p, p))
        out: Tensor = _Convolution.apply(padded, self._windows, self.pool)
        out = out + self.bias.view(-1, 1, 1)
        return out.relu_() if self.relu else out

    @cached_property
    def _windows(self) -> Windows:
        n_out, n_in, k, _ = self.weight.shape
        kernel = self.weight.permute(0, 2, 3, 1)  # (O, k, k, I): the order of stacked columns
        if not self.pool:
            return Windows(kernel.reshape(n_out, -1), k, 1)
        placed = kernel.new_zeros(2, 2, n_out, k + 1, k + 1, n_in)
        for i in range(2):
            for j in range(2):
                placed[i, j, :, i : i + k, j : j + k] = kernel
        return Windows(placed.view(4 * n_out, -1), k + 1, 2)

    def channel_means(self, images: Tensor, channels: Tensor) -> Tensor:
        """Return the spatial mean (B,) of each image's own channel, computing no other.

        Args:
            images: (H, I, W, B).
            channels: ascending, (B,).
        """
        wanted, counts = torch.unique_consecutive(channels, return_counts=True)
        kernels = Kernels([self._channels[i] for i in wanted.tolist()], counts.tolist())
        out: Tensor = _Spread.apply(images, kernels, self.padding)
        return (out + self.bias[channels]).relu().mean((0, 1, 2))

    @cached_property
    def _channels(self) -> list[Windows]:
        k = self.weight.shape[-1]
        mirrored = self.weight.permute(0, 3, 2, 1).flip(1)  # (O, k, k, I): width, height
        return [Windows(kernel.reshape(k, -1), k, 1) for kernel in mirrored]
