"""Steps and memos: a match is a graph of pure steps, and a step that was made before is looked up.

A step's identity is the hash of its recipe: its own parameters, its parents' identities and the
version of the code. A memo keeps the bundles that steps produce; the tournament's artefact store is
one, the dictionary below is another.
"""

from __future__ import annotations

import contextlib
import functools
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from arena.errors import (
    ArenaError,
    BudgetExceeded,
    InvalidDeliverable,
    PlayerError,
    PlayerOutOfMemory,
    PlayerTimeout,
    RuleViolation,
    StoreError,
)
from arena.game.rules.faults import fault_in_words
from arena.game.sandbox.cell import Cell
from arena.world.bundle import Bundle
from arena.world.code_version import core_version
from arena.world.json_values import Json, digest
from arena.world.one_thread import one_thread

Status = Literal["OK", "ERROR", "TIMEOUT", "MEMORY", "INVALID", "FORFEIT", "LIMIT", "SKIPPED"]
Parts = Mapping[str, Bundle]
FAILURE = "failure"
SECRET = frozenset({"key"})
"""Parts of steps that nobody but the referee may read."""


class StepFailed(ArenaError):  # noqa: N818 - an outcome that is recorded
    """A step has no result; `status` and the message go into the ledger."""

    def __init__(self, status: Status, message: str) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True)
class Setting:
    """Where steps run.

    Attributes:
        cache: the folder of decoded data. progress: who hears of steps of training.
        cell: the limits of the process that every move gets, also those of players that are
            trusted; None lets these run here.
    """

    cache: Path | None = None
    progress: Callable[[int, int], None] = lambda done, total: None
    cell: Cell | None = None


Inputs = Callable[["Step", str], Bundle]
"""(a parent, the name of one of its parts) -> the bundle."""


class Step(ABC):
    """One pure piece of work. Subclasses are frozen dataclasses."""

    @property
    @abstractmethod
    def title(self) -> str:
        """Return what a person reads while it runs."""

    @abstractmethod
    def parents(self) -> tuple[Step, ...]:
        """Return the steps whose parts this one reads."""

    @abstractmethod
    def recipe(self) -> dict[str, Json]:
        """Return the step's own parameters; parents and code version are added by `digest`."""

    @abstractmethod
    def compute(self, inputs: Inputs, setting: Setting) -> Parts:
        """Do the work."""

    @property
    def turns(self) -> int:
        """Return how often a player is asked: so many times the limit of time the step may take."""
        return 1

    @functools.cached_property
    def digest(self) -> str:
        """Return the identity: SHA-256 of the recipe, the parents' identities, the code version."""
        parents = [parent.digest for parent in self.parents()]
        kind = type(self).__name__
        return digest([kind, self.recipe(), parents, core_version()])


class Memo(Protocol):
    """Keeps what steps produce."""

    def has(self, digest: str) -> bool:
        """Say whether a step's parts are there."""

    def load(self, digest: str, part: str) -> Bundle | None:
        """Return a part; None where it was never made or is damaged."""

    def save(self, digest: str, parts: Parts) -> None:
        """Keep all parts of a step at once."""

    def lock(self, digest: str) -> contextlib.AbstractContextManager[object]:
        """Hold a step, so that nobody else makes it at the same time."""


class MemoryMemo:
    """A memo in a dictionary."""

    def __init__(self) -> None:
        self._parts: dict[str, Parts] = {}

    def has(self, digest: str) -> bool:
        """Say whether a step's parts are there."""
        return digest in self._parts

    def load(self, digest: str, part: str) -> Bundle | None:
        """Return a part, or None."""
        return self._parts.get(digest, {}).get(part)

    def save(self, digest: str, parts: Parts) -> None:
        """Keep all parts of a step."""
        self._parts[digest] = parts

    def lock(self, digest: str) -> contextlib.AbstractContextManager[object]:
        """Hold nothing: one thread owns the dictionary."""
        return contextlib.nullcontext()


def resolve(step: Step, part: str, memo: Memo, setting: Setting) -> Bundle:
    """Return a part of a step, making the step and its ancestors where they are missing.

    Raises:
        StepFailed: the step, or one that it needs, has no result.
    """
    found = memo.load(step.digest, part)
    if found is not None:
        return found
    with memo.lock(step.digest):
        failure = memo.load(step.digest, FAILURE)
        found = memo.load(step.digest, part)
        if found is None and failure is None:
            parts = perform(step, _lent(memo, setting), setting)
            memo.save(step.digest, parts)
            failure, found = parts.get(FAILURE), parts.get(part)
    if failure is not None:
        raise StepFailed(failure.data["status"], failure.data["message"])
    if found is None:
        raise KeyError(f"{type(step).__name__} has no part {part!r}")
    return found


def _lent(memo: Memo, setting: Setting) -> Inputs:
    """Return what hands a step its parents' parts: copies, for whoever plays may write on them."""
    return lambda parent, part: resolve(parent, part, memo, setting).copy()


def perform(step: Step, inputs: Inputs, setting: Setting) -> Parts:
    """Do a step's work with one thread; a failure of the players becomes a part with its status.

    Raises:
        StepFailed: a parent has no result. StoreError, MemoryError: not the players' fault.
    """
    try:
        with one_thread():
            return step.compute(inputs, setting)
    except StepFailed as error:
        raise StepFailed("SKIPPED", str(error)) from error
    except (StoreError, MemoryError):
        raise
    except SystemExit as error:
        ended = PlayerError(f"the player ended the program (sys.exit({error.code!r}))")
        return {FAILURE: _failure(ended)}
    except Exception as error:  # whatever a player raises is its failure, and is recorded as one
        return {FAILURE: _failure(error)}


_STATUS: tuple[tuple[type[Exception], Status], ...] = (
    (BudgetExceeded, "LIMIT"),
    (RuleViolation, "FORFEIT"),
    (InvalidDeliverable, "INVALID"),
    (PlayerTimeout, "TIMEOUT"),
    (PlayerOutOfMemory, "MEMORY"),
)


def _failure(error: Exception) -> Bundle:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), "ERROR")
    message = str(error) if isinstance(error, ArenaError) else fault_in_words(error)
    trace = "".join(traceback.format_exception(error)[-4:])
    return Bundle({"status": status, "message": message, "trace": trace})
