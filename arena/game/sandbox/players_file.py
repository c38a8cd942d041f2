"""A file with a stranger's players: read in a sandbox, and known here by what it said of itself."""

from __future__ import annotations

import atexit
import dataclasses
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from arena.errors import ArenaError, RegistryError
from arena.game.sandbox.cell import Cell
from arena.game.sandbox.jail.bubblewrap import missing
from arena.game.sandbox.messages import spoken
from arena.game.sandbox.process import PlayerProcess
from arena.game.sandbox.traits import Traits
from arena.game.sides.player import PlayerSpec
from arena.world.bundle import Bundle
from arena.world.json_values import Raw, canonical

_READING_S = 300.0  # how long a file may take to be imported and to describe itself
_MOST_BYTES = 1 << 20
_MOST_PLAYERS = 200
_MOST_PRINTED = 16  # processes whose output is kept
_MOST_READERS = 4  # processes that wait for further questions; each holds torch


@dataclass(frozen=True)
class PlayersFile:
    """The source of a file with players, and where they may run.

    `path` is None for the shipped and installed players, which need no file. `checked` holds what
    the file said of hyper-parameters: it is asked once.
    """

    path: Path | None = None
    source: str = ""
    walled: bool = True
    cell: Cell = field(default_factory=Cell)
    traits: tuple[Traits, ...] = ()
    checked: dict[str, dict[str, Raw]] = field(default_factory=dict, compare=False)
    printed: list[str] = field(default_factory=list, compare=False)

    @property
    def name(self) -> str:
        """Return the file's name."""
        return self.path.name if self.path else "the shipped players"

    @property
    def version(self) -> str:
        """Return a hash of the source."""
        return hashlib.sha256(self.source.encode()).hexdigest()[:16]

    def process(self, cell: Cell | None = None) -> PlayerProcess:
        """Return a fresh process that has imported this file and nothing else of a stranger's."""
        process = PlayerProcess(cell or self.cell, walled=self.walled, heard=self._hear)
        try:
            settled = {"cell": dataclasses.asdict(process.cell), "source": self.source}
            process.do("settle", Bundle({**settled, "stem": self.path.stem if self.path else ""}))
        except BaseException:
            process.close()
            raise
        return process

    def _hear(self, said: str) -> None:
        self.printed.append(said)
        del self.printed[:-_MOST_PRINTED]

    def check(self, player: PlayerSpec, side: str, strength: float | None) -> dict[str, Raw]:
        """Return all hyper-parameters of a player, and what follows from them, as the file says.

        Raises:
            RegistryError: it does not take them.
        """
        asked = {"player": player.plain(), "side": side, "strength": strength}
        known = self.checked.get(canonical(asked))
        if known is None:
            known = dict(self._reader().do("check", Bundle(asked)).data)
            self.checked[canonical(asked)] = known
            whole = {"name": player.name, "settings": known["settings"]}
            self.checked[canonical({"player": whole, "side": side, "strength": None})] = known
        return known

    def described(self) -> PlayersFile:
        """Return the same file with the traits of its players.

        Raises:
            RegistryError: it cannot be imported, or does not hold players of the right form.
        """
        try:
            rows = self._reader().do("describe", Bundle()).data["players"]
            if len(rows) > _MOST_PLAYERS:
                raise RegistryError(f"expected at most {_MOST_PLAYERS} players, found {len(rows)}")
            traits = tuple(Traits.model_validate(row) for row in rows)
        except (ArenaError, ValidationError, KeyError, TypeError) as error:
            raise RegistryError(f"{self.name} cannot be read: {spoken(str(error))}") from error
        return dataclasses.replace(self, traits=traits)

    def _reader(self) -> PlayerProcess:
        """Return a process that answers questions about the file; it is kept for a while."""
        known = _readers.get(self.version)
        if known is None or known.is_over:
            if known is not None:
                _readers.pop(self.version).close()
            while len(_readers) >= _MOST_READERS:
                _readers.pop(next(iter(_readers))).close()
            wall_s = min(_READING_S, self.cell.wall_s)
            known = self.process(dataclasses.replace(self.cell, wall_s=wall_s))
            _readers[self.version] = known
        return known


_readers: dict[str, PlayerProcess] = {}  # by version of the file


@atexit.register
def close_readers() -> None:
    """End the processes that answered questions about files."""
    while _readers:
        _readers.popitem()[1].close()


def read_players_file(path: Path, cell: Cell, *, walled: bool = True) -> PlayersFile:
    """Return a stranger's file, described by itself in a sandbox.

    With `walled=False` its processes are plain ones: for a machine that is thrown away afterwards.

    Raises:
        RegistryError: there is no such file, it cannot be read, or nothing can be sandboxed here.
    """
    try:
        source = path.read_bytes()[: _MOST_BYTES + 1].decode()
    except (OSError, ValueError) as error:
        found = "none" if isinstance(error, FileNotFoundError) else f"one that is not ({error})"
        raise RegistryError(
            f"expected a Python file with players at {path}, found {found}"
        ) from error
    if len(source.encode()) > _MOST_BYTES:
        raise RegistryError(f"expected at most {_MOST_BYTES >> 20} MiB of source in {path.name}")
    if walled and missing():
        raise RegistryError(
            f"{path.name} is somebody's own file and is run in a sandbox only; {missing()}; or, if "
            f"you would run it with all your rights: --trust {path}"
        )
    return PlayersFile(path.resolve(), source, walled, cell).described()
