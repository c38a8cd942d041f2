"""What the architectures share: named chains, checks of the input shape, initial weights."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import TypeVar

import torch
from torch import Tensor, nn

from arena.errors import ModelError

Net = TypeVar("Net", bound=nn.Module)
NORMS = ("none", "batch")


def chain(layers: Iterable[tuple[str, nn.Module]]) -> nn.Sequential:
    """Return the layers one after the other, under their names, with initial weights."""
    return initialise(nn.Sequential(OrderedDict(layers)))


def initialise(network: Net) -> Net:
    """Draw He-normal convolutions and Glorot-uniform linear layers, zero biases, in place.

    Layers on the meta device have nothing to draw and are left alone: torch would spend seconds on
    importing its Python version of `normal_` for them.

    Source: He et al. 2015, equation 10; Glorot and Bengio 2010, equation 16.
    """
    for module in network.modules():
        if any(parameter.is_meta for parameter in module.parameters(recurse=False)):
            continue
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    return network


@torch.no_grad()
def logits_shape(network: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the output for one black input of `shape`, in evaluation mode.

    It runs where the weights are, so a network on the meta device costs no memory.

    Raises:
        RuntimeError, ValueError, AssertionError: the layers do not fit the input or each other.
    """
    device = next(network.parameters()).device
    logits: Tensor = network.eval()(torch.zeros(1, *shape, device=device))
    return tuple(logits.shape)


def image_shape(name: str, shape: tuple[int, ...], least: int = 1) -> tuple[int, int, int]:
    """Return (C, H, W), both sides of which are at least `least` pixels.

    Raises:
        ModelError: the shape is not that of such an image.
    """
    if len(shape) != 3 or min(shape[1:]) < least:
        raise ModelError(
            f"{name} takes images (channels, height, width) of at least {least}x{least} pixels, "
            f"found the input shape {tuple(shape)}; choose a smaller architecture"
        )
    return shape[0], shape[1], shape[2]


def batch_norm(name: str, norm: str) -> bool:
    """Tell whether the argument `norm` asks for batch normalisation.

    Raises:
        ModelError: `norm` is neither "none" nor "batch".
    """
    if norm not in NORMS:
        raise ModelError(f"the norm of {name} is one of {', '.join(NORMS)}, found {norm!r}")
    return norm == "batch"
