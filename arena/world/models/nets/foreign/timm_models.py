"""Every classifier of the library timm, as `timm:<its name there>`.

timm (extra `models`) is imported when a first such model is built; weights are never downloaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType, ModuleType

from torch import nn

from arena.errors import ModelError, did_you_mean
from arena.world.json_values import Json
from arena.world.models.nets.blocks import image_shape
from arena.world.models.registry import Builder, family

_NONE: Mapping[str, Json] = MappingProxyType({})
_OURS = ("pretrained", "pretrained_cfg", "num_classes", "in_chans", "checkpoint_path", "cache_dir")


@family("timm")
def timm_builder(name: str) -> Builder:
    """Return the builder of timm's classifier of that name.

    Raises:
        ModelError: timm cannot be imported, or has no model of that name.
    """
    library = timm()
    if not library.is_model(name):
        raise ModelError(f"timm has no model {name!r}{did_you_mean(name, library.list_models())}")

    def build(
        shape: tuple[int, ...], n_classes: int, *, arguments: Mapping[str, Json] = _NONE
    ) -> nn.Module:
        n_channels, _, _ = image_shape(f"timm:{name}", shape)
        taken = [key for key in arguments if key in _OURS]
        if taken:
            raise ModelError(f"timm:{name} takes no argument {taken[0]!r} here; leave it out")
        create: Callable[..., nn.Module] = library.create_model
        return create(
            name, pretrained=False, num_classes=n_classes, in_chans=n_channels, **arguments
        )

    return build


def timm() -> ModuleType:
    """Return the library.

    Raises:
        ModelError: it is not installed, or does not import.
    """
    try:
        return import_module("timm")
    except ImportError as error:
        raise ModelError(
            f"expected the library timm for a timm model, found none ({error}); "
            "try pip install 'copyright-arena[models]'"
        ) from error
