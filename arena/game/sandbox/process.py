"""A player's process: started in a sandbox, spoken to through a pipe, ended when it is done."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from types import TracebackType

from arena.errors import (
    ArenaError,
    BudgetExceeded,
    InvalidDeliverable,
    NoReference,
    NotComparable,
    PlayerError,
    PlayerOutOfMemory,
    PlayerTimeout,
    RegistryError,
    RuleViolation,
)
from arena.game.rules.faults import fault_in_words
from arena.game.sandbox.cell import Cell
from arena.game.sandbox.jail.bubblewrap import command
from arena.game.sandbox.jail.threads import n_threads
from arena.game.sandbox.messages import receive, send, spoken
from arena.game.sandbox.networks.cards import Networks
from arena.world.bundle import Bundle
from arena.world.json_values import Json, Raw

Answer = Callable[[str, Bundle], Bundle]
"""(a request of the player's process, what it carries) -> the answer."""

_SAID = {
    kind.__name__: kind
    for kind in (
        *(RuleViolation, InvalidDeliverable, NotComparable, NoReference),
        *(RegistryError, PlayerError, PlayerOutOfMemory),
    )
}
_KEPT = 16 << 10  # bytes of what a process printed
_EVERY_S = 0.25  # between two looks at a process
_INSIDE = "arena.game.sandbox.inside"


def refuse_requests(request: str, _given: Bundle) -> Bundle:
    """Answer a process that has nothing to ask for."""
    raise RuleViolation(f"unknown request {request!r}")


class PlayerProcess:
    """A process with a player in it. Nothing but bundles crosses, and it holds no other file.

    It runs in a sandbox, or, for players that are trusted, without one (`walled=False`). When its
    time is over, or it has too many threads, it is killed, whatever it is doing; so are all that it
    started. The sandbox's own
    process shows its environment to what runs in it, and so gets none that could hold a secret.
    """

    def __init__(
        self, cell: Cell, *, walled: bool = True, heard: Callable[[str], None] = lambda _: None
    ) -> None:
        self.cell, self.timed_out, self._heard = cell, False, heard
        self._walled, self._crowded = walled, False
        ours, theirs = socket.socketpair()
        line = [sys.executable, "-u", "-m", _INSIDE, str(theirs.fileno()), str(int(walled))]
        with theirs:
            self._process = subprocess.Popen(
                [*command(cell), *line] if walled else line,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                close_fds=True,
                env={"PATH": os.environ["PATH"]} if walled else os.environ,
                start_new_session=True,
            )
        self._pipe, self._networks = Connection(ours.detach()), Networks()
        self._printed = b""
        self._drain = threading.Thread(target=self._read_output, daemon=True)
        self._drain.start()
        self._closed = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def __enter__(self) -> PlayerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process and all that it started."""
        self._closed.set()
        self._kill()
        self._process.wait()
        self._pipe.close()
        self._drain.join(1.0)
        if self.output:
            self._heard(self.output)

    @property
    def is_over(self) -> bool:
        """Return whether the process has ended."""
        return self._process.poll() is not None

    @property
    def output(self) -> str:
        """Return the end of what the process printed."""
        return self._printed.decode(errors="replace")

    def _read_output(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        with self._process.stdout as stream:
            while chunk := os.read(stream.fileno(), _KEPT):
                self._printed = (self._printed + chunk)[-_KEPT:]

    def _watch(self) -> None:
        """End the process when its time is over, or when it has too many threads."""
        ends = time.monotonic() + self.cell.wall_s
        while not self._closed.wait(min(_EVERY_S, max(0.0, ends - time.monotonic()))):
            self.timed_out = time.monotonic() >= ends
            if self._walled and not self.timed_out:
                self._crowded = n_threads(self._process.pid) > self.cell.threads
            if self.timed_out or self._crowded:
                self._kill()
                return

    def _kill(self) -> None:
        """Kill the process, and what it started: all that is left of the group that it leads."""
        if hasattr(os, "killpg"):  # everywhere but on Windows
            with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()

    def do(self, task: str, given: Bundle, answer: Answer = refuse_requests) -> Bundle:
        """Have the player do something, answering what it asks meanwhile.

        Raises:
            PlayerError: it raised, died, took too long, or sent what is no message.
            InvalidDeliverable: it sent a network that is neither the arena's nor one it was shown.
            RuleViolation, BudgetExceeded, InvalidDeliverable, NotComparable (NoReference too),
            RegistryError: as if the player had been called here.
        """
        try:
            self._send({"task": task}, given)
            while True:
                message, carried = receive(self._pipe)
                self._networks.check(carried.data)
                if message.get("kind") == "done":
                    return carried
                if message.get("kind") == "failed":
                    raise raised(message)
                self._answer(str(message.get("request")), carried, answer)
        except (EOFError, OSError) as error:
            raise self._ended() from error

    def _answer(self, request: str, given: Bundle, answer: Answer) -> None:
        try:
            found = answer(request, given)
        except ArenaError as error:
            send(self._pipe, plain_error(error), Bundle())
        except Exception as error:  # what a malformed request breaks, its sender answers for
            reason = spoken(f"{type(error).__name__}: {error}")
            raise PlayerError(
                f"asked for {spoken(request)!r} in a wrong form ({reason})"
            ) from error
        else:
            self._send({"kind": "answer"}, found)

    def _send(self, message: Mapping[str, Json], given: Bundle) -> None:
        self._networks.note(given.data)
        send(self._pipe, message, given)

    def _ended(self) -> PlayerError:
        if self.timed_out:
            return PlayerTimeout(f"took longer than {self.cell.wall_s:g} s and was ended")
        if self._crowded:
            return PlayerError(f"had more than {self.cell.threads} threads and was ended")
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return PlayerError("closed its channel, or announced a message that is too large")
        last = spoken(self.output.strip().rpartition("\n")[2])
        said = f"; its last words: {last}" if last else ""
        return PlayerError(f"ended its process (code {code}) before it was done{said}")


def plain_error(error: BaseException) -> dict[str, Json]:
    """Return an error as plain data; whatever is not the arena's is the player's."""
    if isinstance(error, BudgetExceeded):
        spent: list[Json] = [error.meter, float(error.budget), float(error.asked)]
        return {"kind": "failed", "error": "BudgetExceeded", "text": str(error), "spent": spent}
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return {"kind": "failed", "error": "PlayerOutOfMemory", "text": "ran out of memory"}
    if isinstance(error, ArenaError):
        return {"kind": "failed", "error": type(error).__name__, "text": str(error)}
    return {"kind": "failed", "error": "PlayerError", "text": fault_in_words(error)}


def raised(message: Mapping[str, Raw]) -> ArenaError:
    """Return the error that a message reports, in words that are safe to show."""
    text = spoken(str(message.get("text")))
    if message.get("error") == "BudgetExceeded":
        try:
            meter, budget, asked = message["spent"]
            return BudgetExceeded(spoken(str(meter)), float(budget), float(asked))
        except (KeyError, TypeError, ValueError):
            return PlayerError(text)
    return _SAID.get(str(message.get("error")), PlayerError)(text)
