"""Salts every stream of randomness with ARENA_TEST_SEED; Python imports this file when it starts.

The tests put its folder on PYTHONPATH when they are run with another root seed, so that workers and
commands that they start draw from the same salted streams. Nothing is imported before it is needed.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

VARIABLE = "ARENA_TEST_SEED"
_MODULE = "arena.world.rng"


def salt(streams: Any, seed: str) -> None:
    """Put a seed in front of the path of every stream of the class `Rng`, once.

    Workers of pytest-xdist are salted when they start, and import the tests' conftest after that.
    """
    if plain_sequence(streams) is not streams._sequence:
        return
    plain = streams._plain = streams._sequence

    def salted(self: Any) -> Any:
        return plain(streams(self.seed, (f"test seed {seed}", *self.path)))

    streams._sequence = salted


def plain_sequence(streams: Any) -> Any:
    """Return how the class `Rng` expands a seed without salt."""
    return getattr(streams, "_plain", streams._sequence)


class _Salter(Loader):
    """Loads the module of randomness as another loader does, who may load others too; salts it."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self._loader.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        salt(module.Rng, os.environ[VARIABLE])


class _Salting(MetaPathFinder):
    """Finds the module of randomness once."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None:
            spec.loader = _Salter(spec.loader)
        return spec


if os.environ.get(VARIABLE) and _MODULE not in sys.modules:
    sys.meta_path.insert(0, _Salting())
