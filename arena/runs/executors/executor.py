"""What an executor is, how it makes one step, and the plainest of them: this process."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from arena.game.match.steps.step_cache import (
    FAILURE,
    Memo,
    Setting,
    Status,
    Step,
    StepFailed,
    perform,
    resolve,
)
from arena.world.bundle import Bundle

Heard = Callable[[str, int, int], None]
"""(digest of a step, steps of training done, of how many)."""
N_TRIES = 3
"""Processes that may die, one after the other, before what they were started for is given up."""
_INTERVAL_S = 0.2


@dataclass(frozen=True)
class Outcome:
    """How a step ended."""

    digest: str
    status: Status
    message: str = ""


class Executor(Protocol):
    """Makes steps whose parents are made."""

    @property
    def free(self) -> int:
        """Return how many more steps it would take now; at least one while it makes none."""

    def submit(self, step: Step) -> None:
        """Begin a step."""

    def finished(self) -> list[Outcome]:
        """Wait for at least one step to end and return those that did."""


def make(step: Step, memo: Memo, setting: Setting) -> Outcome:
    """Make one step unless it is made; its failure is an outcome."""
    try:
        with memo.lock(step.digest):
            if not memo.has(step.digest):

                def inputs(parent: Step, part: str) -> Bundle:
                    return resolve(parent, part, memo, setting)

                memo.save(step.digest, perform(step, inputs, setting))
        failure = memo.load(step.digest, FAILURE)
    except StepFailed as error:
        return Outcome(step.digest, error.status, str(error))
    except MemoryError as error:
        return Outcome(step.digest, "MEMORY", f"out of memory ({error})")
    if failure is not None:
        return Outcome(step.digest, failure.data["status"], failure.data["message"])
    return Outcome(step.digest, "OK")


class InProcess:
    """Makes one step at a time in this process."""

    def __init__(self, memo: Memo, setting: Setting, heard: Heard = lambda *_: None) -> None:
        self._memo, self._setting, self._heard = memo, setting, heard
        self._waiting: deque[Step] = deque()

    @property
    def free(self) -> int:
        """Return 1 when nothing waits."""
        return int(not self._waiting)

    def submit(self, step: Step) -> None:
        """Put a step in line."""
        self._waiting.append(step)

    def finished(self) -> list[Outcome]:
        """Make the next step."""
        step = self._waiting.popleft()

        def progress(done: int, total: int) -> None:
            self._heard(step.digest, done, total)

        return [make(step, self._memo, replace(self._setting, progress=progress))]


class Sometimes:
    """Passes progress on a few times a second, and its end."""

    def __init__(self, say: Callable[[int, int], None]) -> None:
        self._say, self._last = say, 0.0

    def __call__(self, done: int, total: int) -> None:
        """Say how many of all steps of training are done, unless it was just said."""
        now = time.monotonic()
        if now - self._last > _INTERVAL_S or done == total:
            self._last = now
            self._say(done, total)
