"""Worker processes on this machine: each makes one step at a time."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from arena.errors import StoreError
from arena.game.match.steps.step_cache import Setting, Status, Step
from arena.game.sandbox.admit import enter
from arena.game.sandbox.cell import Cell
from arena.game.sandbox.players_file import PlayersFile
from arena.runs.executors.executor import N_TRIES, Heard, Outcome, Sometimes, make
from arena.runs.store import Store
from arena.world.json_values import Json, canonical, from_json

_FAREWELL_S = 5.0  # how long a worker may take to end


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    step: Step | None = None
    started: float = math.inf  # when it took up the step: starting the process does not count


class Workers:
    """Makes steps in worker processes of one thread each; one that dies costs its step alone.

    A worker is started when there is a step for it: where nothing is left to make, none is.
    """

    def __init__(
        self,
        n_workers: int,
        store: Path,
        setting: Setting,
        heard: Heard = lambda *_: None,
        limit_s: float | None = None,
        players: tuple[PlayersFile, ...] = (),
    ) -> None:
        self._n_workers, self._heard, self._limit_s = n_workers, heard, limit_s
        self._job = (store, setting.cache, setting.cell, players)
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self._n_stillborn = 0

    def _begin(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(theirs, *self._job))
        with _deaf():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the workers; a step under way is lost and will be made again.

        An idle worker ends by itself once its pipe is closed, and so gives back what its libraries
        hold; a player's code may keep it from that, so it is not waited for long.
        """
        for worker in self._workers:
            worker.pipe.close()
            if worker.step is not None:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(_FAREWELL_S)
            worker.process.terminate()
            worker.process.join()

    @property
    def free(self) -> int:
        """Return how many workers are idle or not started."""
        return self._n_workers - sum(worker.step is not None for worker in self._workers)

    def submit(self, step: Step) -> None:
        """Give a step to an idle worker, or to a new one; idle ones that died are let go.

        Raises:
            StoreError: workers die again and again before they begin, which is no player's doing.
        """
        for idle in [worker for worker in self._workers if worker.step is None]:
            if _took(idle, step):
                return
            self._workers.remove(idle)
            idle.pipe.close()
            idle.process.kill()
            idle.process.join()
        worker = self._begin()
        self._workers.append(worker)
        if not _took(worker, step):
            self._bury(worker)

    def finished(self) -> list[Outcome]:
        """Wait until a worker ends a step, dies, or runs over the time limit."""
        while True:
            busy = [worker for worker in self._workers if worker.step is not None]
            ready = wait([worker.pipe for worker in busy], timeout=0.5)
            outcomes = [self._hear(worker) for worker in busy if worker.pipe in ready]
            outcomes += [self._overdue(worker) for worker in busy if self._is_overdue(worker)]
            ended = [outcome for outcome in outcomes if outcome is not None]
            if ended:
                return ended

    def _hear(self, worker: _Worker) -> Outcome | None:
        assert worker.step is not None  # noqa: S101 - only busy workers are heard
        try:
            # JSON, not pickle: a player's code runs at the other end of this pipe.
            said = from_json(worker.pipe.recv_bytes())
        except (EOFError, OSError):
            return self._bury(worker)
        if "began" in said:
            worker.started, self._n_stillborn = time.monotonic(), 0
            return None
        if "broken" in said:
            raise StoreError(said["broken"])
        if "progress" in said:
            self._heard(worker.step.digest, *said["progress"])
            return None
        outcome = Outcome(worker.step.digest, said["status"], said["message"])
        worker.step = None
        return outcome

    def _bury(self, worker: _Worker) -> Outcome | None:
        """Return the outcome of a step whose worker died; one that never began it is replaced.

        Raises:
            StoreError: workers die again and again before they begin, which is no player's doing.
        """
        assert worker.step is not None  # noqa: S101 - only busy workers are heard
        worker.process.join()
        code = worker.process.exitcode
        ended = "SIGKILL" if code == -9 else f"code {code}"
        if worker.started < math.inf:
            status: Status = "MEMORY" if code == -9 else "ERROR"
            return self._replace(worker, status, f"the worker process ended with {ended}")
        self._n_stillborn += 1
        if self._n_stillborn >= N_TRIES:
            raise StoreError(
                f"expected worker processes that run, found {N_TRIES} that ended with {ended} "
                "before they took up a step; see what they wrote above, or try --jobs 1"
            )
        step = worker.step
        self._workers.remove(worker)
        self.submit(step)
        return None

    def _is_overdue(self, worker: _Worker) -> bool:
        if self._limit_s is None or worker.step is None:
            return False
        return time.monotonic() - worker.started > self._limit_s * worker.step.turns

    def _overdue(self, worker: _Worker) -> Outcome:
        assert self._limit_s is not None  # noqa: S101 - `_is_overdue` said so
        assert worker.step is not None  # noqa: S101
        worker.process.kill()
        worker.process.join()
        message = f"took longer than the limit of {self._limit_s * worker.step.turns:g} s"
        return self._replace(worker, "TIMEOUT", message)

    def _replace(self, worker: _Worker, status: Status, message: str) -> Outcome:
        assert worker.step is not None  # noqa: S101 - only busy workers are replaced
        outcome = Outcome(worker.step.digest, status, message)
        worker.step = None
        self._workers.remove(worker)
        return outcome


def _took(worker: _Worker, step: Step) -> bool:
    """Send a step to a worker; return whether there was one to take it."""
    worker.step, worker.started = step, math.inf
    try:
        worker.pipe.send(step)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach: whoever started them stops them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(
    pipe: Connection,
    root: Path,
    cache: Path | None,
    cell: Cell | None,
    players: tuple[PlayersFile, ...],
) -> None:
    """Run in a worker: make the steps that come through the pipe until it closes."""
    os.environ["OMP_NUM_THREADS"] = "1"
    enter(players)
    store = Store(root)
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            step: Step = pipe.recv()
            _say(pipe, {"began": True})
            setting = Setting(cache, Sometimes(partial(_progress, pipe)), cell)
            try:
                outcome = make(step, store, setting)
            except StoreError as error:  # nobody's failure: the run cannot go on
                _say(pipe, {"broken": str(error)})
                continue
            _say(pipe, {"status": outcome.status, "message": outcome.message})


def _say(pipe: Connection, said: dict[str, Json]) -> None:
    try:
        pipe.send_bytes(canonical(said).encode())
    except OSError:  # nobody listens any more, and a step must not be recorded as failed for that
        os._exit(1)


def _progress(pipe: Connection, done: int, total: int) -> None:
    _say(pipe, {"progress": [done, total]})
