"""Players' files enter the registry: trusted ones are imported, a stranger's is only described."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Literal, TypeVar

from arena.game.sandbox.cell import Cell
from arena.game.sandbox.jail.bubblewrap import missing
from arena.game.sandbox.networks.own_network import keep_home
from arena.game.sandbox.players_file import PlayersFile, read_players_file
from arena.game.sandbox.stranger_attack import StrangerAttack
from arena.game.sandbox.stranger_defense import StrangerDefense
from arena.game.sandbox.traits import Traits
from arena.game.sides.attack import Attack, attacks
from arena.game.sides.defense import Defense, defenses
from arena.game.sides.plugins import import_file

S = TypeVar("S", StrangerAttack, StrangerDefense)

_read: dict[tuple[Path, float, Cell], PlayersFile] = {}  # by path and time of change


def admit(path: Path, cell: Cell, *, trusted: bool = False) -> PlayersFile:
    """Enter the players of a file into the registry and return the file.

    Raises:
        RegistryError: the file cannot be read, holds what is no player, or a name is taken.
    """
    if trusted:
        _enter_module(import_file(path))
        return PlayersFile(path.resolve(), walled=False, cell=cell)
    changed = path.stat().st_mtime if path.exists() else 0.0
    name = (path.resolve(), changed, cell)
    if name not in _read:
        _read[name] = read_players_file(path, cell)
    enter([_read[name]])
    return _read[name]


def enter(files: Iterable[PlayersFile]) -> None:
    """Enter files that were admitted in another process; raises like `admit`."""
    for file in files:
        if file.path is not None and not file.walled:
            _enter_module(import_file(file.path))
        for traits in file.traits:
            _enter(file, traits)


def _enter_module(module: ModuleType) -> None:
    """Enter the players of a trusted file, where those that stood for them may be known."""
    for player in vars(module).values():
        if not isinstance(player, type) or "name" not in vars(player):
            continue
        if issubclass(player, Attack) and player.__module__ == module.__name__:
            attacks.register(player.name)(player)
        elif issubclass(player, Defense) and player.__module__ == module.__name__:
            defenses.register(player.name)(player)


def _enter(file: PlayersFile, traits: Traits) -> None:
    if traits.side == "attack":
        attacks.register(traits.name)(_stand_in(StrangerAttack, file, traits))
    else:
        defenses.register(traits.name)(_stand_in(StrangerDefense, file, traits))


@contextmanager
def admitted(file: PlayersFile, side: Literal["attack", "defense"]) -> Iterator[list[str]]:
    """Have a stranger's players of one side in the registry for a while; give their names.

    What a file holds of the other side is not entered, so that no thief can bring its own owner.

    Raises:
        RegistryError: a name is taken.
    """
    found = [traits for traits in file.traits if traits.side == side]
    names = [traits.name for traits in found]
    if side == "attack":
        stand_ins = {traits.name: _stand_in(StrangerAttack, file, traits) for traits in found}
        with attacks.lent(stand_ins):
            yield names
    else:
        schemes = {traits.name: _stand_in(StrangerDefense, file, traits) for traits in found}
        with defenses.lent(schemes):
            yield names


def _stand_in(base: type[S], file: PlayersFile, traits: Traits) -> type[S]:
    """Return a class that stands for a stranger's."""
    keep_home(file)
    named = {"__module__": __name__, "__qualname__": f"{file.name}:{traits.title}", "home": file}
    return type(traits.title, (base,), {**traits.attributes(), **named})


def apart(attack: Attack, cell: Cell) -> Attack:
    """Return an attack that makes the same moves in a process of its own, trusted or not.

    Where nothing can be sandboxed, a trusted one has a plain process.
    """
    kind = type(attack)
    if isinstance(attack, StrangerAttack):
        return attack
    module = kind.__module__
    path = None if "." in module else Path(str(sys.modules[module].__file__))
    source = path.read_text() if path else ""
    home = PlayersFile(path, source, walled=not missing(), cell=cell)
    stand_in = _stand_in(StrangerAttack, home, Traits.of(kind))
    return stand_in(chosen=attack.settings())
