"""Convolutions with fixed weights: the gradient of their input as a convolution of its own.

On a CPU the library computes the gradient of a convolution's input by a transposed kernel, which is
several times slower than a convolution, most of all with few input channels. For stride 1 it is the
convolution with the flipped kernel, whose weights can be laid out once when they are fixed.

To a single channel that is slow in turn. There each row of the kernel gets an output of its own,
and these are added up, each moved by its row.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Convolve(torch.autograd.Function):
    """conv2d whose backward pass is conv2d with the flipped kernel; weights get no gradient."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, layer: FixedConv2d) -> Tensor:
        ctx.layer = layer
        maps = F.conv2d(images, layer.weight, layer.bias, padding=layer.padding)
        return maps.contiguous(memory_format=torch.channels_last)  # grey images come in the other

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.layer.back(gradients[0]), None


class FixedConv2d(nn.Module):
    """A convolution of stride 1 with fixed weights."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        flipped = layer.weight.detach().flip(2, 3).transpose(0, 1)  # (I, O, h, w)
        if len(flipped) == 1:
            flipped = flipped.permute(2, 1, 0, 3)  # (h, O, 1, w)
        self.weight, self.bias = layer.weight, layer.bias
        self.flipped = flipped.contiguous(memory_format=torch.channels_last)
        self.padding = _pair(layer.padding)
        kernel = layer.weight.shape[2:]
        self.back_padding = (kernel[0] - 1 - self.padding[0], kernel[1] - 1 - self.padding[1])

    def forward(self, images: Tensor) -> Tensor:
        """Return the feature maps (B, O, H', W') of images (B, I, H, W)."""
        out: Tensor = _Convolve.apply(images, self)
        return out

    def back(self, gradient: Tensor) -> Tensor:
        """Return the gradient (B, I, H, W) of the images from that of the feature maps."""
        if self.weight.shape[1] > 1:
            return F.conv2d(gradient, self.flipped, padding=self.back_padding)
        rows = F.conv2d(gradient, self.flipped, padding=(0, self.back_padding[1]))  # (B, h, H', W)
        n, k, height, width = rows.shape
        padded = rows.new_zeros(n, height + k - 1, width)
        for i in range(k):
            padded[:, k - 1 - i : k - 1 - i + height].add_(rows[:, i])
        top = self.padding[0]
        return padded[:, None, top : padded.shape[1] - top]


def _pair(padding: object) -> tuple[int, int]:
    assert isinstance(padding, tuple)  # noqa: S101 - only such layers are replaced
    return int(padding[0]), int(padding[1])


def is_plain(layer: nn.Module) -> bool:
    """Say whether a layer is a convolution whose input gradient is one with the flipped kernel."""
    return (
        type(layer) is nn.Conv2d
        and layer.stride == layer.dilation == (1, 1)
        and layer.groups == 1
        and isinstance(layer.padding, tuple)
        and layer.padding_mode == "zeros"
        and all(p < k for p, k in zip(layer.padding, layer.kernel_size, strict=True))
    )


def fix_convolutions(model: nn.Module) -> None:
    """Replace the plain convolutions below a model, in place, by ones with fixed weights."""
    for name, child in model.named_children():
        if isinstance(child, nn.Conv2d) and is_plain(child):
            setattr(model, name, FixedConv2d(child))
        else:
            fix_convolutions(child)
