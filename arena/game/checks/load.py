"""Players from a file: `FILE.py:Class`."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from arena.errors import RegistryError, did_you_mean
from arena.game.sides.attack import Attack
from arena.game.sides.defense import Defense
from arena.game.sides.player import Player
from arena.game.sides.plugins import import_file


def load_player(spec: str) -> type[Attack] | type[Defense]:
    """Return the class that `FILE.py:Class` names; the file is imported, so its code runs.

    Raises:
        RegistryError: the text is not of that form, the file cannot be imported, or it holds no
            such attack or defence.
    """
    path, colon, name = spec.rpartition(":")
    if not colon or not path.endswith(".py") or not name.isidentifier():
        raise RegistryError(f"expected FILE.py:Class, found {spec!r}")
    players = _players(import_file(Path(path)))
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
