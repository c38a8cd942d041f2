"""Small classifiers: softmax regression, MLP, a CNN for 8x8 images, LeNet-5.

Every hidden layer is an `nn.Conv2d`, `nn.Linear`, `nn.BatchNorm` or `nn.ReLU` with a name of its
own, used once, and no forward names a width: so hooks find layers by name, `torch.fx` sees the
same graph, and layers can be replaced by narrower or wider ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import prod

from torch import nn

from arena.errors import ModelError
from arena.world.models.nets.blocks import batch_norm, chain, image_shape
from arena.world.models.registry import architecture

Layers = Iterator[tuple[str, nn.Module]]

_MAX_HIDDEN = 64  # layers; a card from a stranger could otherwise ask for millions


@architecture("softmax")
def softmax(shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Softmax regression: one linear layer on the flattened input, of any shape."""
    return chain([("flatten", nn.Flatten()), ("fc", nn.Linear(prod(shape), n_classes))])


@architecture("mlp")
def mlp(
    shape: tuple[int, ...],
    n_classes: int,
    *,
    hidden: tuple[int, ...] = (128, 64),
    norm: str = "none",
) -> nn.Module:
    """Fully connected ReLU network on the flattened input, of any shape.

    Args:
        shape: shape of one input.
        n_classes: number of logits.
        hidden: width of each hidden layer; none makes it softmax regression.
        norm: "batch" puts batch normalisation before each ReLU.

    Raises:
        ModelError: a width is below 1, there are over 64 of them, or the norm is unknown.
    """
    if len(hidden) > _MAX_HIDDEN or any(width < 1 for width in hidden):
        raise ModelError(
            f"the hidden widths of mlp are at most {_MAX_HIDDEN} numbers from 1 up, found {hidden}"
        )
    return chain(_mlp_layers((prod(shape), *hidden), n_classes, batch_norm("mlp", norm)))


def _mlp_layers(widths: tuple[int, ...], n_classes: int, norm: bool) -> Layers:
    yield "flatten", nn.Flatten()
    for i, (n_in, n_out) in enumerate(pairwise(widths), start=1):
        yield f"fc{i}", nn.Linear(n_in, n_out)
        if norm:
            yield f"norm{i}", nn.BatchNorm1d(n_out)
        yield f"relu{i}", nn.ReLU()
    yield f"fc{len(widths)}", nn.Linear(widths[-1], n_classes)


@architecture("cnn8")
def cnn8(
    shape: tuple[int, ...], n_classes: int, *, width: int = 16, norm: str = "batch"
) -> nn.Module:
    """Small CNN for 8x8 images: three 3x3 convolutions and two linear layers.

    Args:
        shape: shape of one image (C, H, W), at least 4x4 pixels.
        n_classes: number of logits.
        width: channels of the first convolution; the other two have twice as many.
        norm: "batch" puts batch normalisation behind each convolution.

    Raises:
        ModelError: the shape, the width or the norm is not one of these.
    """
    channels, height, breadth = image_shape("cnn8", shape, least=4)
    if width < 1:
        raise ModelError(f"the width of cnn8 is a number of channels from 1 up, found {width}")
    n_flat = 2 * width * (height // 4) * (breadth // 4)
    wide = 2 * width
    with_norm = batch_norm("cnn8", norm)
    return chain(
        [
            *_conv_block(1, nn.Conv2d(channels, width, 3, padding=1), with_norm),
            *_conv_block(2, nn.Conv2d(width, wide, 3, padding=1), with_norm),
            ("pool1", nn.MaxPool2d(2)),
            *_conv_block(3, nn.Conv2d(wide, wide, 3, padding=1), with_norm),
            ("pool2", nn.MaxPool2d(2)),
            ("flatten", nn.Flatten()),
            ("fc1", nn.Linear(n_flat, 64)),
            ("relu4", nn.ReLU()),
            ("fc2", nn.Linear(64, n_classes)),
        ]
    )


@architecture("lenet5")
def lenet5(shape: tuple[int, ...], n_classes: int, *, norm: str = "none") -> nn.Module:
    """LeNet-5 as DeepJudge trains it: 107,786 parameters on 28x28 grey images, 10 classes.

    Two 5x5 convolutions that keep the image's size (6 and 16 channels), each followed by max
    pooling, and linear layers of 120, 84 and `n_classes`.

    Args:
        shape: shape of one image (C, H, W), at least 4x4 pixels.
        n_classes: number of logits.
        norm: "batch" puts batch normalisation behind each convolution.

    Raises:
        ModelError: the shape or the norm is not one of these.
    """
    channels, height, width = image_shape("lenet5", shape, least=4)
    with_norm = batch_norm("lenet5", norm)
    return chain(
        [
            *_conv_block(1, nn.Conv2d(channels, 6, 5, padding=2), with_norm),
            ("pool1", nn.MaxPool2d(2)),
            *_conv_block(2, nn.Conv2d(6, 16, 5, padding=2), with_norm),
            ("pool2", nn.MaxPool2d(2)),
            ("flatten", nn.Flatten()),
            ("fc1", nn.Linear(16 * (height // 4) * (width // 4), 120)),
            ("relu3", nn.ReLU()),
            ("fc2", nn.Linear(120, 84)),
            ("relu4", nn.ReLU()),
            ("fc3", nn.Linear(84, n_classes)),
        ]
    )


def _conv_block(i: int, conv: nn.Conv2d, norm: bool) -> Layers:
    yield f"conv{i}", conv
    if norm:
        yield f"norm{i}", nn.BatchNorm2d(conv.out_channels)
    yield f"relu{i}", nn.ReLU()
