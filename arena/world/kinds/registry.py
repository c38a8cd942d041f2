"""The registry of kinds: a kind is one file, found by its name or by an entry point."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TypeVar

from arena.errors import RegistryError, did_you_mean
from arena.world.kinds.kind import Kind

ENTRY_POINTS = "copyright_arena.kinds"

_K = TypeVar("_K", bound=type[Kind])
_KINDS: dict[str, Kind] = {}


def kind(name: str) -> Callable[[_K], _K]:
    """Register the decorated class under a name.

    Raises:
        RegistryError: the name is taken.
    """

    def register(cls: _K) -> _K:
        if name in _KINDS:
            raise RegistryError(f"the kind {name!r} is registered twice; rename one")
        cls.name = name
        _KINDS[name] = cls()
        return cls

    return register


def kinds() -> Mapping[str, Kind]:
    """Return every kind by its name: those of this folder, of plugins, and of who registered one.

    Raises:
        RegistryError: a plugin cannot be imported.
    """
    _discover()
    return MappingProxyType(dict(sorted(_KINDS.items())))


def find(name: str) -> Kind:
    """Return the kind of that name.

    Raises:
        RegistryError: there is none.
    """
    if name not in _KINDS:
        _discover()
    if name not in _KINDS:
        raise RegistryError(
            f"no kind of task is named {name!r}{did_you_mean(name, _KINDS)}; "
            f"known are {', '.join(sorted(_KINDS))}"
        )
    return _KINDS[name]


@functools.cache
def _discover() -> None:
    """Import each file of this folder, and what other packages offer; once."""
    folder = importlib.import_module(__package__ or "")
    for module in pkgutil.iter_modules(folder.__path__):
        importlib.import_module(f"{folder.__name__}.{module.name}")
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            entry.load()
        except Exception as error:  # a plugin can raise anything; it is named, not hidden
            raise RegistryError(f"the kind {entry.name!r} cannot be loaded: {error}") from error
