"""Residual networks for small images: ResNet-8, ResNet-20 and ResNet-18.

Source: He et al. 2016, "Deep residual learning for image recognition", sections 3.3 and 4.2.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from arena.errors import ModelError
from arena.world.models.nets.blocks import chain, image_shape
from arena.world.models.registry import architecture


@dataclass(frozen=True)
class _Plan:
    """What tells one residual network from another; widths and depth are those of the stages."""

    widths: tuple[int, ...]
    n_blocks: int  # in each stage
    bias: bool  # of the convolutions
    norm_on_shortcut: bool


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: (B, C_in, H, W) -> (B, C_out, H/stride, W/stride)."""

    def __init__(self, n_in: int, n_out: int, stride: int, plan: _Plan) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=plan.bias)
        self.norm1 = nn.BatchNorm2d(n_out)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=plan.bias)
        self.norm2 = nn.BatchNorm2d(n_out)
        self.shortcut = _shortcut(n_in, n_out, stride, plan)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output, (B, C_out, H/stride, W/stride)."""
        y = self.relu1(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        out: Tensor = self.relu2(y + self.shortcut(x))
        return out


def _shortcut(n_in: int, n_out: int, stride: int, plan: _Plan) -> nn.Module:
    if n_in == n_out and stride == 1:
        return nn.Identity()
    shortcut = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=plan.bias))
    if plan.norm_on_shortcut:
        shortcut.append(nn.BatchNorm2d(n_out))
    return shortcut


def _stage(n_in: int, n_out: int, stride: int, plan: _Plan) -> nn.Sequential:
    later = (BasicBlock(n_out, n_out, 1, plan) for _ in range(plan.n_blocks - 1))
    return nn.Sequential(BasicBlock(n_in, n_out, stride, plan), *later)


def _resnet(n_channels: int, n_classes: int, plan: _Plan) -> nn.Module:
    first = plan.widths[0]
    before = (first, *plan.widths)
    stages = [
        (f"stage{i + 1}", _stage(before[i], width, 1 if i == 0 else 2, plan))
        for i, width in enumerate(plan.widths)
    ]
    return chain(
        [
            ("conv1", nn.Conv2d(n_channels, first, 3, padding=1, bias=plan.bias)),
            ("norm1", nn.BatchNorm2d(first)),
            ("relu1", nn.ReLU()),
            *stages,
            ("pool", nn.AdaptiveAvgPool2d(1)),
            ("flatten", nn.Flatten()),
            ("fc", nn.Linear(plan.widths[-1], n_classes)),
        ]
    )


@architecture("resnet8")
def resnet8(shape: tuple[int, ...], n_classes: int, *, width: int = 16) -> nn.Module:
    """ResNet-8 (v1): 77,898 trainable parameters on 28x28 grey images, 10 classes.

    The smallest of the 6n + 2 family: three stages of one block with width, 2 * width and
    4 * width channels. Biases and shortcuts are as in ResNet-20.

    Args:
        shape: shape of one image (C, H, W), at least 4x4 pixels.
        n_classes: number of logits.
        width: channels of the first stage.

    Raises:
        ModelError: the shape or the width is not one of these.
    """
    n_channels, _, _ = image_shape("resnet8", shape, least=4)
    if width < 1:
        raise ModelError(f"the width of resnet8 is a number of channels from 1 up, found {width}")
    widths = (width, 2 * width, 4 * width)
    return _resnet(
        n_channels, n_classes, _Plan(widths, n_blocks=1, bias=True, norm_on_shortcut=False)
    )


@architecture("resnet20")
def resnet20(shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """ResNet-20 (v1): 273,066 trainable parameters on 32x32 colour images, 10 classes.

    Three stages of three blocks with 16, 32 and 64 channels. As in DeepJudge's models the
    convolutions have biases and a shortcut that changes width is a 1x1 convolution with a bias and
    no normalisation; running statistics bring the count to 274,442.

    Raises:
        ModelError: the shape is not that of an image of at least 4x4 pixels.
    """
    n_channels, _, _ = image_shape("resnet20", shape, least=4)
    plan = _Plan(widths=(16, 32, 64), n_blocks=3, bias=True, norm_on_shortcut=False)
    return _resnet(n_channels, n_classes, plan)


@architecture("resnet18")
def resnet18(shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """ResNet-18 with a stem for small images (3x3, no pooling): 11,173,962 trainable parameters.

    Raises:
        ModelError: the shape is not that of an image of at least 8x8 pixels.
    """
    n_channels, _, _ = image_shape("resnet18", shape, least=8)
    plan = _Plan(widths=(64, 128, 256, 512), n_blocks=2, bias=False, norm_on_shortcut=True)
    return _resnet(n_channels, n_classes, plan)
