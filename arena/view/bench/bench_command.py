"""`arena bench`: put one protection to a suite, print what came of it, and write it down."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from arena.errors import BaselineError, ExecutorError
from arena.game.match.steps.step_cache import Setting
from arena.runs.bench.bench import Bench, Played
from arena.runs.bench.plan import Plan
from arena.runs.bench.result import write_result
from arena.runs.bench.subject import Subject, subject_by_name, subject_in_file, subject_of_model
from arena.runs.bench.suite import read_suite
from arena.runs.executors.ray_options import LOCAL
from arena.runs.executors.staff import Staff
from arena.runs.keys.folder import read_key
from arena.runs.ledger import LEDGER, Ledger
from arena.runs.preflight import preflight
from arena.runs.protect.verify import read_victim
from arena.runs.regress.memo import KeylessStore
from arena.runs.scenario import Scenario
from arena.runs.store import ARTEFACTS, Store
from arena.runs.tournament import task_of
from arena.view.bench.words import print_result
from arena.view.commands.failures import resumable
from arena.view.commands.run import made_folder, play_into
from arena.view.commands.run_options import Order, game_of
from arena.view.console import Console
from arena.view.exit_codes import ExitCode
from arena.view.protect.passphrase import passphrase_from
from arena.world.compute import Compute
from arena.world.files.cache_folder import cache_folder
from arena.world.task import TaskSpec


@dataclass(frozen=True)
class BenchOrder:
    """The command line of `arena bench`; None is what was not said."""

    defence: str
    data: str | None = None
    suite: str = "standard-1"
    out: Path | None = None
    key: Path | None = None
    architecture: str = ""
    passphrase_file: Path | None = None
    trusted: bool = False
    jobs: int | None = None
    executor: str = LOCAL
    device: str = "auto"
    as_json: bool = False

    def data_of(self, subject: Subject) -> str:
        """Return on which data the subject is benched.

        Raises:
            BaselineError: a protected model was trained on others.
        """
        if self.data and subject.data and self.data != subject.data:
            raise BaselineError(
                f"expected the data of the protected model, {subject.data!r}, found --data "
                f"{self.data}; leave it out"
            )
        return self.data or subject.data or "digits"

    def subject(self) -> Subject:
        """Return what is to be benched; raises like what it reads."""
        if self.key is not None:
            owned = read_key(self.key, passphrase_from(self.passphrase_file))
            return subject_of_model(
                read_victim(Path(self.defence), self.architecture, owned.about), owned
            )
        if ":" in self.defence:
            return subject_in_file(self.defence, trusted=self.trusted)
        if Path(self.defence).suffix and Path(self.defence).exists():
            raise BaselineError(
                f"expected a scheme, FILE.py:Class, or a model with --key, found the file "
                f"{self.defence} alone; name its class, or the folder of its key"
            )
        return subject_by_name(self.defence)


@dataclass(frozen=True)
class Place:
    """Where a bench is carried out: a folder of the subject's own beside what all benches share.

    A protected model's key stays in memory, so its matches are played in this process.
    """

    order: BenchOrder
    subject: Subject
    out: Path

    def __post_init__(self) -> None:
        made_folder(self.out / self.subject.name)

    @cached_property
    def staff(self) -> Staff:
        """Who makes the steps of all parts, and keeps them: benches of a board share the folder."""
        kept = KeylessStore if self.subject.stand_in else Store
        return Staff(kept(self.out / ARTEFACTS))

    @property
    def setting(self) -> Setting:
        """Where steps of the bench itself run."""
        return Setting(cache=cache_folder())

    def task(self, scenario: Scenario) -> TaskSpec:
        """Return a scenario's task on the device that was asked for."""
        return task_of(scenario, Compute.choose(self.order.device))

    def play(self, scenario: Scenario, part: str) -> Played:
        """Play a scenario, or what is left of it, and return what its ledger holds."""
        folder = self.out / self.subject.name / part
        made_folder(folder)
        preflight(scenario, self.task(scenario), "", cache_folder())
        order = Order(
            scenario.name,
            jobs=1 if self.subject.stand_in else self.order.jobs,
            executor=self.order.executor,
            device=self.order.device,
            trusted=self._trusted(),
        )
        game = game_of(scenario, Path(scenario.name), order, folder)
        with closing(Ledger(folder / LEDGER)) as ledger:
            play_into(game, self.staff, ledger, Console(stderr=True))
            return Played.read(ledger)

    def _trusted(self) -> tuple[Path, ...]:
        players = self.subject.players
        return (players,) if players is not None and self.order.trusted else ()


def carry_out(order: BenchOrder) -> int:
    """Bench a protection, print the result and write it; return the exit code.

    Raises:
        ArenaError: it cannot be benched. Ended: it was stopped, or ended unexpectedly.
    """
    suite = read_suite(order.suite)
    subject = order.subject()
    data = order.data_of(subject)
    suite.task_on(data)
    if subject.stand_in and order.executor != LOCAL:
        raise ExecutorError(
            f"expected to bench a protected model in this process, where its key stays, found "
            f"--executor {order.executor}; leave it out"
        )
    out = order.out or Path("runs") / "bench" / f"{suite.name}-{data}"
    made_folder(out)
    with subject.known(), resumable(out):
        place, plan = Place(order, subject, out), Plan(suite, subject, data)
        with place.staff as staff:
            result = Bench(plan, place.play, place.task, staff.store, place.setting).run()
    path = out / f"{subject.name}.json"
    write_result(path, result)
    print_result(result, path, out / subject.name, as_json=order.as_json)
    return ExitCode.DONE if result.status == "OK" else ExitCode.FAILED
