"""A tournament: many matches over one graph of steps, resumed where it was left."""

from __future__ import annotations

import dataclasses
import platform
import subprocess
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy
import torch

import arena
from arena.errors import RuleViolation, StoreError
from arena.game.match.agents import Action
from arena.game.match.play import MatchSpec, Want, check_needs, move_of, play
from arena.game.match.reports import Innocents
from arena.game.match.steps.innocents_step import InnocentsStep
from arena.game.match.steps.round_step import RoundStep
from arena.game.match.steps.step_cache import FAILURE, Status, Step, StepFailed
from arena.runs.executors import Executor, Outcome
from arena.runs.ledger import LEDGER, Ledger
from arena.runs.scenario import Scenario
from arena.runs.secret import commitment, root_of
from arena.runs.store import ARTEFACTS, Store
from arena.world.bundle import Bundle
from arena.world.compute import Compute
from arena.world.json_values import Json
from arena.world.task import TaskSpec

_TRIES = 3  # how often a step that was damaged on the disk is made again

StepRequests = Generator[list[Want], list[Bundle], object]


@dataclass(frozen=True)
class Event:
    """Something a board can show: a step began, a step ended, a match was written.

    `n_done` steps are made in this run, of `n_total` that are known to be needed; `payoff` is the
    thief's, of a match.
    """

    kind: str  # "planned", "began", "ended", "match"
    title: str
    digest: str = ""
    status: str = ""
    n_done: int = 0
    n_total: int = 0
    payoff: float | None = None


Listener = Callable[[Event], None]


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    return {"arena": arena.__version__, "torch": torch.__version__, "numpy": numpy.__version__}


def hardware(device: str) -> str:
    """Return the processor or GPU in words."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    try:
        found = subprocess.run(["lscpu"], capture_output=True, text=True, check=True).stdout
        model = next(line for line in found.splitlines() if line.startswith("Model name"))
        return model.partition(":")[2].strip()
    except (OSError, subprocess.CalledProcessError, StopIteration):
        return platform.processor() or platform.machine()


@dataclass
class _Playing:
    """A generator of steps that waits for some of them."""

    title: str
    game: StepRequests
    finish: Callable[[object], None]
    wanted: list[Want] = field(default_factory=list)


class Tournament:
    """Plays the matches of a scenario with an executor, and writes each into the ledger."""

    def __init__(
        self, scenario: Scenario, task: TaskSpec, store: Store, ledger: Ledger, board: Listener
    ) -> None:
        self.scenario, self.task, self.store, self.ledger = scenario, task, store, ledger
        self.board = board
        self._hardware, self._versions = hardware(task.device), versions()
        self._outcomes: dict[str, Outcome] = {}
        self._steps: dict[str, Step] = {}
        self._queue: list[str] = []
        self._running: set[str] = set()
        self._ready: deque[_Playing] = deque()  # games to look at
        self._waiting: defaultdict[str, list[_Playing]] = defaultdict(list)  # by a missing step
        self._n_damaged: Counter[str] = Counter()
        self.n_made = self._n_planned = 0

    def steps(self) -> list[Step]:
        """Return every step of the tournament, made or not, parents first."""
        order: dict[str, Step] = {}
        for match, script in self.scenario.matches(self.task):
            for step in (*_rounds(match, script), _reporting(match)):
                self._collect(step, order)
        return list(order.values())

    def plan(self) -> list[Step]:
        """Return the steps that are not made yet and can be, parents first."""
        missing, dead = [], set()
        for step in self.steps():
            made = self.store.has(step.digest)
            failed = made and self.store.load(step.digest, FAILURE) is not None
            if failed or any(parent.digest in dead for parent in step.parents()):
                dead.add(step.digest)
            elif not made:
                missing.append(step)
        return missing

    def _collect(self, step: Step, order: dict[str, Step]) -> None:
        if step.digest not in order:
            for parent in step.parents():
                self._collect(parent, order)
            order[step.digest] = step

    def _games(self) -> Iterable[_Playing]:
        """Yield every match, and every owner's verification of the reporting innocents."""
        owners: dict[tuple[str, int], MatchSpec] = {}
        for match, _ in self.scenario.matches(self.task):
            owners.setdefault((match.owner, match.repeat), match)
            game = play(match, self.scenario.agent(match.thief))
            yield _Playing(match.title, game, self._write_match)
        for match in owners.values():
            yield _Playing(
                f"innocents of {match.owner}", _innocents(match), self._write_innocents(match)
            )

    def _write_match(self, records: object) -> None:
        assert isinstance(records, list)  # noqa: S101 - what `play` returns
        here = {"hardware": self._hardware, "versions": self._versions}
        rounds = [dataclasses.replace(record, **here) for record in records]
        self.ledger.write_rounds(rounds)
        last = rounds[-1]
        payoff = last.judgement.payoff if last.judgement else None
        self._tell(Event("match", last.match.title, status=last.status, payoff=payoff))

    def _write_innocents(self, match: MatchSpec) -> Callable[[object], None]:
        def write(found: object) -> None:
            assert isinstance(found, Innocents | StepFailed)  # noqa: S101 - what `_innocents` returns
            innocents = found if isinstance(found, Innocents) else Innocents()
            self.ledger.write_innocents(match.owner, match.repeat, innocents)
            if isinstance(found, StepFailed) and found.status != "SKIPPED":  # its own doing
                self._tell(Event("match", f"innocents of {match.owner}", status=found.status))

        return write

    def _facts(self) -> dict[str, Json]:
        """Return what this run is; of the referee's secret, a hash alone.

        Raises:
            StoreError: what was played here before was played under another secret.
        """
        committed = commitment(self.scenario.seed, self.task.seed)
        before = self.ledger.facts()
        if before and before.get("secret", "") != committed:
            raise StoreError(
                "the results in this folder were made under another secret, or none; name theirs "
                "(--secret FILE or $ARENA_SECRET) or choose another --out folder"
            )
        public = self.task.model_copy(update={"seed": self.scenario.seed})
        facts = {"scenario": self.scenario.plain(), "task": public.plain()}
        return {**facts, "versions": self._versions, "secret": committed}

    def run(self, executor: Executor) -> None:
        """Play everything that is not played yet, and write it all down.

        Raises:
            StoreError: the folder's results were made under another secret.
        """
        titles = [match.title for match, _ in self.scenario.matches(self.task)]
        self.ledger.begin(self._facts(), titles)
        self._n_planned = len(self.plan())
        self._tell(Event("planned", self.scenario.name))
        self._ready.extend(game for game in self._games() if self._advance(game, None))
        while self._ready or self._waiting:
            self._go_on()
            self._fill(executor)
            if self._running and not self._ready:
                for outcome in executor.finished():
                    self._note(outcome)

    def _go_on(self) -> None:
        """Let every game go on that may; the others are looked at again when a step has ended."""
        while self._ready:
            game = self._ready.popleft()
            needed = (step.digest for step, _ in game.wanted)
            missing = next((digest for digest in needed if digest not in self._outcomes), None)
            if missing is not None:
                self._waiting[missing].append(game)
            elif self._proceed(game):
                self._ready.append(game)

    def _settle(self, outcome: Outcome) -> None:
        """Keep how a step ended, and look again at the games that waited for it."""
        self._outcomes[outcome.digest] = outcome
        self._ready.extend(self._waiting.pop(outcome.digest, ()))

    def _tell(self, event: Event) -> None:
        n_known = self.n_made + len(self._queue) + len(self._running)
        total = max(self._n_planned, n_known)
        self.board(dataclasses.replace(event, n_done=self.n_made, n_total=total))

    def _fill(self, executor: Executor) -> None:
        """Give the executor the queued steps whose parents are made."""
        for digest in list(self._queue):
            if executor.free == 0:
                return
            step = self._steps[digest]
            states = [self._outcomes.get(parent.digest) for parent in step.parents()]
            failed = next((state for state in states if state and state.status != "OK"), None)
            if failed is not None:
                self._queue.remove(digest)
                self._settle(Outcome(digest, "SKIPPED", failed.message))
            elif all(states):
                self._queue.remove(digest)
                self._running.add(digest)
                self._tell(Event("began", step.title, digest))
                executor.submit(step)

    def _note(self, outcome: Outcome) -> None:
        self._running.discard(outcome.digest)
        self._settle(outcome)
        self.n_made += 1
        title = self._steps[outcome.digest].title
        self._tell(Event("ended", title, outcome.digest, outcome.status))

    def _want(self, step: Step) -> None:
        """Put a step and its missing ancestors into the queue, parents first."""
        if step.digest in self._steps:
            return
        self._steps[step.digest] = step
        if self.store.has(step.digest):
            failure = self.store.load(step.digest, FAILURE)
            status: Status = failure.data["status"] if failure else "OK"
            message = failure.data["message"] if failure else ""
            self._settle(Outcome(step.digest, status, message))
            return
        for parent in step.parents():
            self._want(parent)
        self._queue.append(step.digest)

    def _proceed(self, playing: _Playing) -> bool:
        """Send a game what it waited for, all of which has ended; return whether it goes on."""
        outcomes = [self._outcomes[step.digest] for step, _ in playing.wanted]
        failed = next((found for found in outcomes if found.status != "OK"), None)
        if failed is not None:
            return self._advance(playing, StepFailed(failed.status, failed.message))
        bundles = [self.store.load(step.digest, part) for step, part in playing.wanted]
        if None in bundles:  # damaged on the disk since it was made: make it again
            self._forget(playing.wanted)
            return True
        return self._advance(playing, [bundle for bundle in bundles if bundle is not None])

    def _forget(self, wanted: list[Want]) -> None:
        """Want damaged steps again; one that is damaged again and again ends the run."""
        missing = [(step, part) for step, part in wanted if not self._is_there(step, part)]
        for step, part in missing:
            self._n_damaged[step.digest] += 1
            if self._n_damaged[step.digest] > _TRIES:
                raise StoreError(
                    f"expected the part {part!r} of the step `{step.title}` in {self.store.root}, "
                    f"found it damaged {_TRIES} times after it was made; use another disk"
                )
            self._steps.pop(step.digest, None)
            self._outcomes.pop(step.digest, None)
            self._want(step)

    def _is_there(self, step: Step, part: str) -> bool:
        return self.store.has(step.digest) and self.store.load(step.digest, part) is not None

    def _advance(self, playing: _Playing, given: list[Bundle] | StepFailed | None) -> bool:
        try:
            if isinstance(given, StepFailed):
                playing.wanted = playing.game.throw(given)
            elif given is None:
                playing.wanted = next(playing.game)
            else:
                playing.wanted = playing.game.send(given)
        except StopIteration as stop:
            playing.finish(stop.value)
            return False
        for step, _ in playing.wanted:
            self._want(step)
        return True


def _rounds(match: MatchSpec, script: Iterable[Action]) -> Iterator[Step]:
    """Yield the judgements of a scripted match, up to a move that will be refused."""
    previous: RoundStep | None = None
    for number, action in enumerate(script):
        try:
            check_needs(match, action.move)
        except RuleViolation:
            return
        previous = match.round(move_of(action), previous, number)
        yield match.judge(previous)


def _reporting(match: MatchSpec) -> InnocentsStep:
    return InnocentsStep(match.protect(), match.reporting(), match.verification)


def _innocents(match: MatchSpec) -> Generator[list[Want], list[Bundle], Innocents | StepFailed]:
    """Verify the reporting innocents with an owner's key, or say why that is not possible."""
    try:
        (verdicts,) = yield [(_reporting(match), "verdicts")]
    except StepFailed as failed:
        return failed
    return Innocents.model_validate(verdicts.data)


def task_of(scenario: Scenario, compute: Compute, secret: str = "") -> TaskSpec:
    """Return the scenario's task, bound to where it runs and to the referee's secret, if any."""
    device: Literal["cpu", "cuda"] = "cuda" if compute.device == "cuda" else "cpu"
    return scenario.task_spec(device, compute.precision, root_of(scenario.seed, secret))


def open_folder(out: Path) -> tuple[Store, Ledger]:
    """Return the store and the ledger of a tournament's folder, made if they are not there."""
    store = Store(out / ARTEFACTS)
    return store, Ledger(out / LEDGER)
