"""The version of the code that made an artefact: a hash of its sources."""

from __future__ import annotations

import functools
import hashlib
import sys
from pathlib import Path
from types import ModuleType

import torch

import arena

_READERS = {"game/envs", "game/checks"}  # packages that look at results and make none


@functools.cache
def core_version() -> str:
    """Return a hash of torch's version and of the sources in `arena.world` and `arena.game`.

    Environments and conformance checks are left out: what they play is the same without them.
    """
    root = Path(arena.__file__).parent
    state = hashlib.sha256(torch.__version__.encode())
    for floor in ("world", "game"):
        for path in sorted((root / floor).rglob("*.py")):
            name = path.relative_to(root)
            if name.parent.as_posix() not in _READERS:
                state.update(name.as_posix().encode() + path.read_bytes())
    return state.hexdigest()[:16]


def class_version(player: type) -> str:
    """Return a hash of a player's source: its module and what that imports of its own package."""
    return _version(tuple(base.__module__ for base in player.__mro__))


@functools.cache
def _version(homes: tuple[str, ...]) -> str:
    state = hashlib.sha256()
    for name in sorted(_sources(homes)):
        module = sys.modules[name]
        if module.__file__:
            state.update(name.encode() + Path(module.__file__).read_bytes())
    return state.hexdigest()[:16]


def _sources(homes: tuple[str, ...]) -> set[str]:
    """Return the modules of a class and its bases, and what they import, within its own package."""
    package = homes[0].partition(".")[0]
    waiting = [home for home in homes if home.partition(".")[0] == package]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in found or package in ("arena", "builtins"):
            continue
        found.add(name)
        for value in vars(sys.modules[name]).values():
            home = (
                value.__name__
                if isinstance(value, ModuleType)
                else getattr(value, "__module__", "")
            )
            if isinstance(home, str) and home.partition(".")[0] == package and home in sys.modules:
                waiting.append(home)
    return found
