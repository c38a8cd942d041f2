"""What runs on the machines of a Ray cluster: a step, and the desk where steps report."""

from __future__ import annotations

import copy
import functools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from arena.errors import RegistryError, StoreError
from arena.game.match.steps.step_cache import Memo, Setting, Status, Step
from arena.game.sandbox.admit import enter
from arena.game.sandbox.cell import Cell
from arena.game.sandbox.jail.bubblewrap import missing
from arena.game.sandbox.players_file import PlayersFile
from arena.runs.executors.carried import Blobs, Carried
from arena.runs.executors.executor import Sometimes, make
from arena.runs.store import Store
from arena.world.files.cache_folder import cache_folder

Given = tuple[str, Blobs]
"""(digest of a parent, its parts)."""


@dataclass(frozen=True)
class Job:
    """What every step of a run is told.

    Attributes:
        root: the folder of artefacts, as the machine that plays calls it. token: a file in it;
            whoever sees it shares the folder; "" is nobody. caches: whether decoded data are kept.
        cell: the limits of players' processes. players: files with a person's own players.
        sources: those of trusted ones, by path. desk: the handle of the `Desk`.
    """

    root: Path
    token: str
    caches: bool
    cell: Cell | None
    players: tuple[PlayersFile, ...]
    sources: Mapping[Path, bytes]
    desk: Any


@dataclass(frozen=True)
class Answer:
    """What a machine says of a step.

    Attributes:
        status, message: how it ended. made: parts by digest, where the folder is not shared.
        lacks: it needs its parents' parts sent along. broken: why the run cannot go on.
    """

    status: Status = "OK"
    message: str = ""
    made: Mapping[str, Blobs] = field(default_factory=dict)
    lacks: bool = False
    broken: str = ""


@dataclass
class Said:
    """What was said at a desk: the machine on which a step began, and how far its training is."""

    began: dict[str, str] = field(default_factory=dict)  # the machine, by a step's digest
    progress: dict[str, tuple[int, int]] = field(default_factory=dict)  # done, of how many


class Desk:
    """An actor: steps say here that they begin and how far they are; who plays takes it away."""

    def __init__(self) -> None:
        self._said = Said()

    def begin(self, digest: str, node: str) -> None:
        """Note that a step begins on a machine."""
        self._said.began[digest] = node

    def progress(self, digest: str, done: int, total: int) -> None:
        """Note how far a step's training is."""
        self._said.progress[digest] = (done, total)

    def take(self) -> Said:
        """Return what was said since it was last taken."""
        said, self._said = self._said, Said()
        return said


def work(job: Job, step: Step, carries: bool, *given: Given) -> Answer:
    """Make a step, in the shared folder where this machine sees it, else from what was sent along.

    Args:
        job: what every step is told.
        step: whose parents are made.
        carries: whether its parents were sent along.
        given: its parents, if they were.
    """
    import ray

    shares = bool(job.token) and (job.root / job.token).is_file()
    if not shares and step.parents() and not carries:
        return Answer(lacks=True)
    try:
        _enter(job)
        _check(job, step)
        node = ray.get_runtime_context().get_node_id()
        ray.get(job.desk.begin.remote(step.digest, node))  # heard before a player's code runs
        memo: Memo = Store(job.root) if shares else Carried(dict(given))

        def progress(done: int, total: int) -> None:
            job.desk.progress.remote(step.digest, done, total)

        cache = cache_folder() if job.caches else None
        outcome = make(step, memo, Setting(cache, Sometimes(progress), job.cell))
    except (RegistryError, StoreError) as error:  # nobody's failure: the run cannot go on
        return Answer(broken=str(error))
    made = memo.made if isinstance(memo, Carried) else {}
    return Answer(outcome.status, outcome.message, made)


def _check(job: Job, step: Step) -> None:
    """Find out whether a step means here what it means where the game is played.

    Raises:
        RegistryError: other code, or strangers' files and nothing to run them in.
    """
    walled = any(players.walled and players.path for players in job.players)
    if walled and missing():
        raise RegistryError(f"{_here()} cannot run strangers' players: {missing()}")
    again = copy.copy(step)
    vars(again).pop("digest", None)  # a recipe's hash is remembered with it
    if again.digest != step.digest:
        raise RegistryError(
            f"expected {_here()} to have the arena, players and torch of the machine that plays, "
            f"found others (torch {torch.__version__}); install the same on every machine"
        )


def _here() -> str:
    import ray

    return f"the machine {ray.util.get_node_ip_address()}"


_entered: list[PlayersFile] = []  # in this process, which makes many steps


def _enter(job: Job) -> None:
    """Enter a person's own players into the registry of this process, once."""
    for players in job.players:
        here = players
        if players.path is not None and players.path in job.sources:
            here = replace(players, path=_placed(players.path, job.sources[players.path]))
        if here not in _entered:
            enter([here])
            _entered.append(here)


def _placed(path: Path, source: bytes) -> Path:
    """Return a trusted file with players on this machine; it is written where it is not there."""
    if path.is_file() and path.read_bytes() == source:
        return path
    placed = _folder() / path.name
    placed.write_bytes(source)
    return placed


@functools.cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="arena-players-"))
