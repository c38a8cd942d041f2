"""Players from a file: `FILE.py:Class`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from arena.errors import RegistryError, did_you_mean
from arena.game.attack import Attack
from arena.game.defense import Defense
from arena.game.player import Player


def load_player(spec: str) -> type[Attack] | type[Defense]:
    """Return the class that `FILE.py:Class` names; the file is imported, so its code runs.

    Raises:
        RegistryError: the text is not of that form, the file cannot be imported, or it holds no
            such attack or defence.
    """
    path, colon, name = spec.rpartition(":")
    if not colon or not path.endswith(".py") or not name.isidentifier():
        raise RegistryError(f"expected FILE.py:Class, found {spec!r}")
    players = _players(_module(Path(path).resolve()))
    if name not in players:
        raise RegistryError(
            f"expected an attack or a defence called {name!r} in {Path(path).name}, found none"
            f"{did_you_mean(name, players)}"
        )
    return players[name]


def _players(module: ModuleType) -> dict[str, type[Attack] | type[Defense]]:
    """Return the attacks and defences that a module defines itself."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Player)
        and issubclass(value, Attack | Defense)
        and value.__module__ == module.__name__
    }


def _module(path: Path) -> ModuleType:
    """Return the module of a file, imported once."""
    known = (m for m in list(sys.modules.values()) if getattr(m, "__file__", None) == str(path))
    found = next(known, None)
    return found or _imported(path)


def _imported(path: Path) -> ModuleType:
    if not path.is_file():
        raise RegistryError(f"expected a Python file at {path}, found none; check the path")
    name = f"arena_player_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None  # noqa: S101 - a path that ends in .py has a loader
    assert specification.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses look their module up by name
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise RegistryError(
            f"{path.name} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    return module
