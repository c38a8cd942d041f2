"""VGG-16 with batch normalisation.

Source: Simonyan and Zisserman 2015, configuration D; batch normalisation before each ReLU.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from arena.errors import ModelError
from arena.world.models.nets.blocks import chain, image_shape
from arena.world.models.registry import architecture

_BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # (channels, convolutions)
_WIDTH = 4096  # of the two hidden linear layers


@architecture("vgg16-bn")
def vgg16_bn(shape: tuple[int, ...], n_classes: int, *, dropout: float = 0.5) -> nn.Module:
    """VGG-16-BN, two linear layers of 4096: 33,646,666 trainable parameters on 32x32x3, 10 classes.

    That count holds weights, biases (the convolutions have them) and the scale and shift of batch
    normalisation. The 8,448 running means and variances are not in it: with them it is 33,655,114.

    Args:
        shape: shape of one image (C, H, W), at least 32x32 pixels.
        n_classes: number of logits.
        dropout: probability that a unit of a hidden linear layer is dropped in training.

    Raises:
        ModelError: the shape or the dropout is not one of these.
    """
    n_channels, height, width = image_shape("vgg16-bn", shape, least=32)
    if not 0 <= dropout < 1:
        raise ModelError(f"the dropout of vgg16-bn is a probability below 1, found {dropout}")
    n_flat = _BLOCKS[-1][0] * (height // 32) * (width // 32)
    return chain([*_features(n_channels), *_head(n_flat, n_classes, dropout)])


def _features(n_channels: int) -> Iterator[tuple[str, nn.Module]]:
    for block, (width, n_convs) in enumerate(_BLOCKS, start=1):
        for i in range(1, n_convs + 1):
            yield f"conv{block}_{i}", nn.Conv2d(n_channels, width, 3, padding=1)
            yield f"norm{block}_{i}", nn.BatchNorm2d(width)
            yield f"relu{block}_{i}", nn.ReLU()
            n_channels = width
        yield f"pool{block}", nn.MaxPool2d(2)


def _head(n_flat: int, n_classes: int, dropout: float) -> Iterator[tuple[str, nn.Module]]:
    yield "flatten", nn.Flatten()
    for i, n_in in enumerate((n_flat, _WIDTH), start=1):
        yield f"fc{i}", nn.Linear(n_in, _WIDTH)
        yield f"relu{i}", nn.ReLU()
        yield f"drop{i}", nn.Dropout(dropout)
    yield "fc3", nn.Linear(_WIDTH, n_classes)
