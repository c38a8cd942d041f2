"""A Ray cluster: every step is a task, and a machine that dies costs its steps alone."""

from __future__ import annotations

import contextlib
import math
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, TypeAlias

import ray
from ray import exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from arena.errors import ExecutorError, StoreError
from arena.game.match.steps.step_cache import Setting, Status, Step
from arena.game.sandbox.players_file import PlayersFile
from arena.runs.executors.executor import N_TRIES, Heard, Outcome
from arena.runs.executors.ray_connection import alive, connected, slots
from arena.runs.executors.ray_options import RayOptions
from arena.runs.executors.ray_task import Answer, Desk, Job, Said, work
from arena.runs.store import Store
from arena.world.bundle import Bundle
from arena.world.files.atomic_write import write_whole

Ref: TypeAlias = Any  # what Ray calls an ObjectRef
_POLL_S = 0.5
_COUNT_S = 1.0  # how long a count of the machines is believed
_PATIENCE_S = 300.0  # without any machine that could make a step
_KEPT_BYTES = 1 << 30  # of parents' parts, kept in the object store for further steps


@dataclass
class _Task:
    step: Step
    node: str = ""  # the machine that took it up
    began: float = math.inf  # starting a process there does not count
    n_lost: int = 0  # machines that died with it
    is_overdue: bool = False


class OnRay:
    """Makes steps as tasks of a Ray cluster, on machines with the same arena, players and torch.

    A machine that sees the tournament's folder, under its own path, reads and writes it. To the
    others parents' parts are sent through Ray's object store, and what they make comes back so and
    is saved here. A step whose machine died is made again on another.
    """

    def __init__(
        self,
        options: RayOptions,
        store: Store,
        setting: Setting,
        heard: Heard = lambda *_: None,
        limit_s: float | None = None,
        players: tuple[PlayersFile, ...] = (),
    ) -> None:
        self._options, self._store, self._heard = options, store, heard
        self._limit_s, self._setting, self._players = limit_s, setting, players
        self._tasks: dict[Ref, _Task] = {}
        self._parents: OrderedDict[str, tuple[Ref, int]] = OrderedDict()  # digest -> parts, bytes
        self._carries = not options.shared
        self._n_stillborn = 0
        self._slots, self._counted = 0, -math.inf
        self._ends = contextlib.ExitStack()

    def __enter__(self) -> OnRay:
        with contextlib.ExitStack() as begun:
            begun.enter_context(connected(self._options))
            self._require_machine()
            here = ray.get_runtime_context().get_node_id()
            # Nowhere else: a machine that dies must not take the desk of all others with it.
            beside = NodeAffinitySchedulingStrategy(node_id=here, soft=False)
            desk = ray.remote(Desk).options(num_cpus=0, scheduling_strategy=beside).remote()
            begun.callback(ray.kill, desk)
            self._desk, self._job = desk, ray.put(self._told(desk, begun))
            self._ends = begun.pop_all()
        return self

    def _require_machine(self) -> None:
        if slots(self._options) == 0:
            o = self._options
            raise ExecutorError(
                f"expected a machine with {o.cpus:g} cores and {o.gpus:g} GPUs for a step, found "
                f"none among {len(alive())}; start one with `ray start`, or ask for less (?gpus=0)"
            )

    def _told(self, desk: Any, ends: contextlib.ExitStack) -> Job:
        """Return what every step is told; the token stays in the folder until the end."""
        token = f"seen-by-{secrets.token_hex(8)}" if self._options.shared else ""
        root = self._store.root.resolve()
        if token:
            write_whole(root / token, b"")
            ends.callback((root / token).unlink, missing_ok=True)
        trusted = [file.path for file in self._players if file.path and not file.walled]
        sources = {path: path.read_bytes() for path in trusted}
        caches = self._setting.cache is not None
        return Job(root, token, caches, self._setting.cell, self._players, sources, desk)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop what runs and leave the cluster; a step under way is lost and will be made again."""
        with contextlib.suppress(exceptions.RayError, ConnectionError):
            for ref in self._tasks:
                ray.cancel(ref, force=True)
        self._tasks.clear()
        self._parents.clear()
        self._ends.close()

    @property
    def free(self) -> int:
        """Return how many more steps the machines hold, or one where a machine is waited for."""
        if time.monotonic() - self._counted > _COUNT_S:
            self._slots, self._counted = slots(self._options), time.monotonic()
        return max(self._slots, 1) - len(self._tasks)

    def submit(self, step: Step) -> None:
        """Give a step to the cluster."""
        self._send(_Task(step))

    def _send(self, task: _Task) -> None:
        o = self._options
        task.node, task.began = "", math.inf
        given = [self._sent(parent) for parent in task.step.parents()] if self._carries else []
        run = ray.remote(work).options(num_cpus=o.cpus, num_gpus=o.gpus, max_retries=0)
        parts = [ref for ref in given if ref is not None]
        self._tasks[run.remote(self._job, task.step, self._carries, *parts)] = task

    def _sent(self, parent: Step) -> Ref | None:
        """Return a parent's parts in the object store; None where they are damaged: made anew."""
        known = self._parents.pop(parent.digest, None)
        if known is None:
            blobs = self._store.blobs(parent.digest)
            if blobs is None:
                return None
            known = ray.put((parent.digest, blobs)), sum(map(len, blobs.values()))
        self._parents[parent.digest] = known
        while len(self._parents) > 1 and sum(n for _, n in self._parents.values()) > _KEPT_BYTES:
            self._parents.popitem(last=False)
        return known[0]

    def finished(self) -> list[Outcome]:
        """Wait until a step ends, its process dies, or it runs over the time limit."""
        waits_since = time.monotonic()
        while True:
            ready, _ = ray.wait(list(self._tasks), num_returns=1, timeout=_POLL_S)
            if ready:  # whatever else has ended by now, too
                n = len(self._tasks)
                ready, _ = ray.wait(list(self._tasks), num_returns=n, timeout=0)
            self._listen()
            self._stop_overdue()
            found = [self._end(ref) for ref in ready]
            ended = [outcome for outcome in found if outcome is not None]
            if ended:
                return ended
            if slots(self._options):
                waits_since = time.monotonic()
            elif time.monotonic() - waits_since > _PATIENCE_S:
                self._require_machine()

    def _listen(self) -> None:
        """Take note of what steps say: that they begin, and how far they are."""
        said: Said = ray.get(self._desk.take.remote())
        now = time.monotonic()
        for task in self._tasks.values():
            if task.step.digest in said.began:
                task.node, task.began = said.began[task.step.digest], now
                self._n_stillborn = 0
        for digest, (done, total) in said.progress.items():
            self._heard(digest, done, total)

    def _limit_of(self, task: _Task) -> float:
        return math.inf if self._limit_s is None else self._limit_s * task.step.turns

    def _stop_overdue(self) -> None:
        now = time.monotonic()
        for ref, task in self._tasks.items():
            if now - task.began > self._limit_of(task) and not task.is_overdue:
                task.is_overdue = True
                ray.cancel(ref, force=True)

    def _end(self, ref: Ref) -> Outcome | None:
        """Return how a task ended; None where its step goes on in another."""
        task = self._tasks.pop(ref)
        try:
            return self._note(task, ray.get(ref))
        except exceptions.OutOfMemoryError:
            return self._failed(task, "MEMORY", "its machine ran out of memory")
        except (exceptions.NodeDiedError, exceptions.ObjectLostError):
            return self._lost(task)
        except (exceptions.WorkerCrashedError, exceptions.TaskCancelledError):
            return self._crashed(task)
        except exceptions.RayError as error:
            first = str(error).strip().splitlines()[-1]
            raise ExecutorError(
                f"expected `{task.step.title}` to be made by the cluster, found {first}; have the "
                "same arena on every machine, and run the command again: it continues"
            ) from error

    def _note(self, task: _Task, answer: Answer) -> Outcome | None:
        if answer.broken:
            raise StoreError(answer.broken)
        if answer.lacks:
            self._carries = True  # from now on: there are machines that do not see the folder
            self._send(task)
            return None
        for digest, blobs in answer.made.items():
            parts = {part: Bundle.from_bytes(blob) for part, blob in blobs.items()}
            self._store.save(digest, parts)
        return Outcome(task.step.digest, answer.status, answer.message)

    def _failed(self, task: _Task, status: Status, message: str) -> Outcome:
        return Outcome(task.step.digest, status, message)

    def _lost(self, task: _Task) -> Outcome | None:
        """Make a step on another machine; after so many deaths it is given up."""
        task.n_lost += 1
        if task.n_lost >= N_TRIES:
            return self._failed(task, "ERROR", f"{N_TRIES} machines died while they made it")
        self._send(task)
        return None

    def _crashed(self, task: _Task) -> Outcome | None:
        """Return the outcome of a step whose process ended; one that never began is sent again.

        Raises:
            ExecutorError: processes end again and again before they begin: no player's doing.
        """
        if task.is_overdue:
            message = f"took longer than the limit of {self._limit_of(task):g} s"
            return self._failed(task, "TIMEOUT", message)
        if task.node and task.node not in alive():
            return self._lost(task)
        if task.began < math.inf:
            return self._failed(task, "ERROR", "the worker process ended unexpectedly")
        self._n_stillborn += 1
        if self._n_stillborn >= N_TRIES:
            raise ExecutorError(
                f"expected processes of the cluster that run, found {N_TRIES} that ended before "
                "they took up a step; see their logs (`ray logs`)"
            )
        self._send(task)
        return None
