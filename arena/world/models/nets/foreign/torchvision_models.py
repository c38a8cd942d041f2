"""Every classifier of torchvision, as `torchvision:<its name there>`.

torchvision is imported when a first such model is built; weights are never downloaded. Its networks
are taken as they are: some use in-place or functional ReLUs, which hooks by name do not see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any

from torch import Tensor, nn

from arena.errors import ModelError, did_you_mean
from arena.world.models.nets.blocks import image_shape, logits_shape
from arena.world.models.registry import Builder, family

# Without these two settings their training output is a tuple, and their constructor warns.
_ONE_OUTPUT: Mapping[str, Any] = MappingProxyType({"aux_logits": False, "init_weights": True})
_SETTINGS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"googlenet": _ONE_OUTPUT, "inception_v3": _ONE_OUTPUT}
)


class GreyToColour(nn.Module):
    """Repeats the one channel of a grey image three times: (B, 1, H, W) -> (B, 3, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the image with three equal channels, (B, 3, H, W)."""
        return x.expand(-1, 3, -1, -1)


@family("torchvision")
def torchvision_builder(name: str) -> Builder:
    """Return the builder of torchvision's classifier of that name.

    Raises:
        ModelError: torchvision has no classifier of that name, or cannot be imported.
    """
    known = torchvision_names()
    if name not in known:
        raise ModelError(f"torchvision has no classifier {name!r}{did_you_mean(name, known)}")

    def build(shape: tuple[int, ...], n_classes: int) -> nn.Module:
        n_channels, _, _ = image_shape(f"torchvision:{name}", shape)
        if n_channels not in (1, 3):
            raise ModelError(
                f"torchvision:{name} takes grey or colour images, found {n_channels} channels"
            )
        network = _network(name, n_channels, n_classes)
        _try_shape(name, network, shape)
        return network

    return build


def torchvision_names() -> tuple[str, ...]:
    """Return the names of torchvision's classifiers, in alphabetical order."""
    models = _models()
    return tuple(sorted(models.list_models(module=models)))


def _models() -> ModuleType:
    try:
        return import_module("torchvision.models")
    except (ImportError, RuntimeError) as error:
        raise ModelError(
            f"torchvision is needed and cannot be imported ({error}); "
            "install the version that belongs to your torch"
        ) from error


def _network(name: str, n_channels: int, n_classes: int) -> nn.Module:
    settings = _SETTINGS.get(name, {})
    get_model: Callable[..., nn.Module] = _models().get_model
    network = get_model(name, weights=None, num_classes=n_classes, **settings)
    if n_channels == 3:
        return network
    return nn.Sequential(GreyToColour(), network)


def _try_shape(name: str, network: nn.Module, shape: tuple[int, ...]) -> None:
    try:
        logits_shape(network, shape)
    except (RuntimeError, ValueError, AssertionError) as error:
        raise ModelError(
            f"torchvision:{name} cannot take inputs of shape {tuple(shape)} ({error}); "
            "choose another network or larger images"
        ) from error
