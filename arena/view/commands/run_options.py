"""What `arena run` was asked for, and what follows from it: scenario, folder, device, executor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

from arena.errors import ScenarioError
from arena.game.match.steps.step_cache import Setting
from arena.game.sandbox.players_file import PlayersFile
from arena.runs.executors import Executor, Heard, InProcess, Workers
from arena.runs.executors.jobs import check_jobs, n_cores
from arena.runs.executors.ray_options import LOCAL, RayOptions, read_executor
from arena.runs.preflight import preflight
from arena.runs.scenario import Scenario, players_of, read_scenario
from arena.runs.scenario_errors import said_of
from arena.runs.secret import read_secret
from arena.runs.store import Store
from arena.runs.tournament import task_of
from arena.view.commands.find_scenario import find_scenario
from arena.view.commands.overrides import parse_changes
from arena.world.compute import Compute
from arena.world.files.cache_folder import cache_folder
from arena.world.json_values import Json


@dataclass(frozen=True)
class Order:
    """The command line of `arena run`; None is what was not said.

    Attributes:
        scenario: a name or a path. out: the folder of results. jobs: worker processes.
        device: auto, cpu or cuda. seed: replaces the scenario's. changes: texts `key=value`.
        as_json: print one JSON document. trusted: files with players that need no sandbox.
        secret: the file with the referee's secret. executor: who makes the steps.
        live: keep event files and figures up to date while it plays. precision: auto, float32 or
        bfloat16.
    """

    scenario: str
    out: Path | None = None
    jobs: int | None = None
    device: str | None = None
    seed: int | None = None
    changes: tuple[str, ...] = ()
    as_json: bool = False
    trusted: tuple[Path, ...] = ()
    secret: Path | None = None
    executor: str = LOCAL
    live: bool = False
    precision: str = "auto"


@dataclass(frozen=True)
class ReadyRun:
    """A tournament ready to be played."""

    scenario: Scenario
    out: Path
    compute: Compute
    players: tuple[PlayersFile, ...]  # files with a person's own players
    n_jobs: int
    secret: str = field(default="", repr=False)
    ray: RayOptions | None = None  # None: this machine makes the steps
    live: bool = False

    def setting(self) -> Setting:
        """Return where its steps run."""
        cell = self.scenario.limits.cell() if self.scenario.isolate else None
        return Setting(cache=cache_folder(), cell=cell)

    @property
    def terms(self) -> tuple[object, ...]:
        """What an executor is made for: games of equal terms may share one."""
        return self.scenario.limits, self.scenario.isolate, self.players, self.n_jobs, self.ray

    @contextmanager
    def executor(self, store: Store, heard: Heard) -> Iterator[Executor]:
        """Give who makes its steps: a cluster, this process where one job is enough, or workers."""
        limit_s = self.scenario.limits.step_s
        if self.ray is not None:
            from arena.runs.executors.on_ray import OnRay  # only some have Ray

            asked = (self.ray, store, self.setting(), heard, limit_s, self.players)
            with OnRay(*asked) as cluster:
                yield cluster
            return
        if self.n_jobs == 1 and limit_s is None:  # only a worker can be stopped when time is up
            yield InProcess(store, self.setting(), heard)
            return
        args = (self.n_jobs, store.root, self.setting(), heard, limit_s, self.players)
        with Workers(*args) as workers:
            yield workers


def prepare(order: Order) -> ReadyRun:
    """Return the tournament that was asked for.

    Raises:
        ScenarioError: the scenario cannot be found or played. ArenaError: there is no such device.
    """
    path = find_scenario(order.scenario)
    changes: dict[str, Json] = parse_changes(order.changes)
    if order.seed is not None:
        changes["seed"] = order.seed
    scenario = read_scenario(path, changes, order.trusted)
    _check_trusted(order.trusted, [path.parent / player for player in scenario.players])
    game = game_of(scenario, path, order, order.out or Path("runs") / scenario.name)
    check_playable(game, path)
    return game


def check_playable(game: ReadyRun, path: Path) -> None:
    """Find out before anything trains whether a tournament, read from a path, can be played.

    Raises:
        ScenarioError: with one sentence for each problem.
    """
    task = task_of(game.scenario, game.compute)
    with said_of(path):
        preflight(game.scenario, task, path.read_text(encoding="utf-8"), cache_folder())


def _check_trusted(trusted: tuple[Path, ...], players: list[Path]) -> None:
    known = {path.resolve() for path in players}
    for path in trusted:
        if path.resolve() not in known:
            names = ", ".join(str(player) for player in players) or "none"
            raise ScenarioError(
                [f"--trust {path}: the scenario has no such file with players; it has {names}"]
            )


def game_of(scenario: Scenario, path: Path, order: Order, out: Path) -> ReadyRun:
    """Return a scenario, read from a path, as a tournament whose results go to a folder.

    Raises:
        ArenaError: there is no such device, precision or executor, or no room for so many jobs.
    """
    compute = Compute.choose(order.device or scenario.device, order.precision)
    ray = read_executor(order.executor, compute.device, order.jobs)
    n_jobs = order.jobs or _n_jobs(compute)
    if ray is None:
        check_jobs(n_jobs)
    return ReadyRun(
        scenario=scenario,
        out=out,
        compute=compute,
        players=players_of(scenario, path.parent, order.trusted),
        n_jobs=n_jobs,
        secret=read_secret(order.secret),
        ray=ray,
        live=order.live,
    )


def _n_jobs(compute: Compute) -> int:
    """Return one job for each core that this process may use, or for each GPU."""
    if compute.device == "cuda":
        return torch.cuda.device_count()
    return n_cores()
