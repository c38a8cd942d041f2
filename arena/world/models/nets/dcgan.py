"""DCGAN: a generator of small images, and the critic that it is trained against.

Every layer of the generator has a name of its own and runs once, so hooks find layers by name.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from arena.errors import ModelError
from arena.world.models.nets.blocks import image_shape
from arena.world.models.registry import architecture

_DEVIATION = 0.02  # of initial weights
_LEAST = 4  # pixels of the side that the generator starts from
_SLOPE = 0.1  # of the critic's leaky ReLU

Layers = Iterator[tuple[str, nn.Module]]


class ToUnit(nn.Module):
    """From [-1, 1] to [0, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (x + 1) / 2."""
        return (x + 1) / 2


class Generator(nn.Sequential):
    """From latents (B, L) to images (B, C, H, W) in [0, 1]."""

    def __init__(
        self, latent: int, shape: tuple[int, int, int], width: int, spectral: bool
    ) -> None:
        super().__init__(OrderedDict(_generator_layers(latent, shape, width)))
        self.shape, self.width, self.spectral = shape, width, spectral
        _initialise(self)

    def critic(self) -> nn.Module:
        """Return a new critic of such images: images in [0, 1] -> one score each, (B, 1)."""
        layers = OrderedDict(_critic_layers(self.shape, self.width, self.spectral))
        return _initialise(nn.Sequential(layers))


@architecture("dcgan", kind="generator")
def dcgan(
    latent_shape: tuple[int, ...],
    image: tuple[int, ...],
    *,
    latent: int = 64,
    width: int = 32,
    spectral: bool = True,
) -> nn.Module:
    """DCGAN: a linear layer and transposed convolutions that double the side up to the image's.

    Source: Radford, Metz and Chintala, ICLR 2016; the layout is that of Miyato et al., ICLR 2018,
    with which IPR-GAN works: batch normalisation behind every transposed convolution.

    Args:
        latent_shape: (latent,).
        image: (C, H, W) of an image: its side is at least 8 pixels and even.
        latent: numbers in a latent.
        width: channels before the last convolution; each layer before it has twice as many.
        spectral: the critic's layers have spectral norm 1.

    Raises:
        ModelError: a size is not one of these.
    """
    n_channels, height, breadth = image_shape("dcgan", image, least=2 * _LEAST)
    if height != breadth or height % 2:
        raise ModelError(f"dcgan makes square images of an even side, found {height}x{breadth}")
    if latent_shape != (latent,) or latent < 1 or width < 1:
        raise ModelError(
            f"dcgan takes latents of its argument `latent` and a width from 1 up, found "
            f"{latent_shape}, latent={latent}, width={width}"
        )
    return Generator(latent, (n_channels, height, breadth), width, spectral)


def _sides(side: int) -> list[int]:
    """Return the sides of the maps, the smallest first: halves of the image's from 4 up."""
    sides = [side]
    while sides[0] % 2 == 0 and sides[0] // 2 >= _LEAST:
        sides.insert(0, sides[0] // 2)
    return sides


def _generator_layers(latent: int, shape: tuple[int, int, int], width: int) -> Layers:
    n_channels, side, _ = shape
    sides = _sides(side)
    widths = [width * 2 ** (len(sides) - 1 - i) for i in range(len(sides))]
    yield "fc", nn.Linear(latent, widths[0] * sides[0] ** 2)
    yield "unflatten", nn.Unflatten(1, (widths[0], sides[0], sides[0]))
    yield "norm0", nn.BatchNorm2d(widths[0])
    yield "relu0", nn.ReLU()
    for i, (n_in, n_out) in enumerate(pairwise(widths), start=1):
        yield f"up{i}", nn.ConvTranspose2d(n_in, n_out, 4, stride=2, padding=1, bias=False)
        yield f"norm{i}", nn.BatchNorm2d(n_out)
        yield f"relu{i}", nn.ReLU()
    yield "out", nn.Conv2d(width, n_channels, 3, padding=1)
    yield "tanh", nn.Tanh()
    yield "unit", ToUnit()


class _FromUnit(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2 - 1


def _critic_layers(shape: tuple[int, int, int], width: int, spectral: bool) -> Layers:
    n_channels, side, _ = shape
    sides = _sides(side)
    normed = spectral_norm if spectral else lambda layer: layer
    yield "from_unit", _FromUnit()
    yield "conv0", normed(nn.Conv2d(n_channels, width, 3, padding=1))
    yield "relu0", nn.LeakyReLU(_SLOPE)
    for i in range(1, len(sides)):
        n_in = width * 2 ** (i - 1)
        yield f"down{i}", normed(nn.Conv2d(n_in, 2 * n_in, 4, stride=2, padding=1))
        yield f"relu{i}", nn.LeakyReLU(_SLOPE)
    yield "flatten", nn.Flatten()
    yield "score", normed(nn.Linear(width * 2 ** (len(sides) - 1) * sides[0] ** 2, 1))


@torch.no_grad()
def _initialise(network: nn.Sequential) -> nn.Sequential:
    """Draw normal weights, zero biases, scales about one, in place; nothing on the meta device."""
    for name, parameter in network.named_parameters():
        if parameter.is_meta:
            continue
        if parameter.dim() > 1:
            nn.init.normal_(parameter, 0.0, _DEVIATION)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
        else:
            nn.init.normal_(parameter, 1.0, _DEVIATION)
    return network
