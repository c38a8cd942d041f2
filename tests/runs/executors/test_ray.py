"""A cluster of two machines on this one: the bits of one process, whatever becomes of a machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arena.game.match.steps.step_cache import Setting
from arena.game.sandbox.players_file import PlayersFile
from arena.runs.executors import Outcome
from arena.runs.executors.ray_options import RayOptions
from arena.runs.store import Store
from arena.runs.tournament import task_of
from arena.world.compute import Compute
from tests.runs.conftest import SMALL, Making, Played, play_with, scenario

ray: Any = pytest.importorskip("ray", reason="Ray is missing: pip install 'copyright-arena[ray]'")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FAILING = SMALL + '\n[[thief]]\nname = "fails"\nmoves = [{ move = "test-fails", settings = {} }]\n'


class Machines:
    """A cluster: its head, which makes nothing, and machines with one core each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "include_dashboard": False}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        ray.init(address=self.cluster.address, log_to_driver=False, logging_level="ERROR")

    @property
    def n_cores(self) -> int:
        """Return how many steps they make at a time."""
        return int(ray.cluster_resources().get("CPU", 0))

    def close(self) -> None:
        """End them."""
        ray.shutdown()
        self.cluster.shutdown()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Machines]:
    """A cluster that is started once: that takes a while."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")
        machines = Machines()
        yield machines
        machines.close()


@pytest.fixture
def two(cluster: Machines) -> Machines:
    """Two machines that are alive, whatever an earlier test did to them."""
    while cluster.n_cores < 2:
        cluster.cluster.add_node(num_cpus=1)
    return cluster


def on_ray(limit_s: float | None = None, **options: Any) -> Making:
    from arena.runs.executors.on_ray import OnRay

    def making(store: Store, setting: Setting, players: tuple[PlayersFile, ...]) -> OnRay:
        return OnRay(RayOptions(**options), store, setting, limit_s=limit_s, players=players)

    return making


def failing(how: str) -> str:
    return FAILING.replace("settings = {}", f'settings = {{ how = "{how}" }}')


def copy(finished: Played, out: Path) -> None:
    """Copy a finished tournament without the files of readers that Ray's collector still closes."""
    shutil.copytree(finished.out, out, ignore=shutil.ignore_patterns("*-wal", "*-shm"))


def trained(out: Path) -> dict[str, bytes]:
    """Return the files of models and keys; reports beside them say how long it took."""
    files = (out / "artefacts").glob("??/*")
    lasting = (file for file in files if file.suffix in (".model", ".victim", ".key"))
    return {file.name: file.read_bytes() for file in lasting}


@pytest.mark.parametrize("shared", [True, False], ids=["shared folder", "object store"])
def test_two_machines_give_the_bits_of_one_process(
    two: Machines, finished: Played, tmp_path: Path, shared: bool
) -> None:
    played = play_with(tmp_path, on_ray(shared=shared))
    assert played.ledger.lasting() == finished.ledger.lasting()
    assert sorted(played.made) == sorted(finished.made)
    assert trained(tmp_path) == trained(finished.out) != {}
    assert not list((tmp_path / "artefacts").glob("seen-by-*"))


@pytest.mark.parametrize("shared", [True, False], ids=["shared folder", "object store"])
def test_a_machine_that_dies_costs_its_steps_alone(
    two: Machines, finished: Played, tmp_path: Path, shared: bool
) -> None:
    copy(finished, tmp_path / "out")
    text = failing(f"machine {tmp_path / 'has-died'}")
    played = play_with(tmp_path / "out", on_ray(shared=shared), text)
    assert (tmp_path / "has-died").exists()
    assert two.n_cores == 1
    assert set(played.status.values()) == {"OK"}  # its step was made again on the other machine
    others = [line for line in played.ledger.lasting().splitlines() if "fails" not in line]
    assert others == finished.ledger.lasting().splitlines()


def test_a_process_that_dies_costs_its_own_step_alone(
    two: Machines, finished: Played, tmp_path: Path
) -> None:
    copy(finished, tmp_path / "out")
    played = play_with(tmp_path / "out", on_ray(), failing("exits"))
    failed = [row for row in played.ledger.rounds() if row.thief == "fails"]
    assert [(row.status, row.message) for row in failed] == [
        ("ERROR", "the worker process ended unexpectedly")
    ] * 2


def test_a_step_that_takes_too_long_is_stopped(
    two: Machines, finished: Played, tmp_path: Path
) -> None:
    copy(finished, tmp_path / "out")
    played = play_with(tmp_path / "out", on_ray(limit_s=20), failing("sleeps"))
    failed = [row for row in played.ledger.rounds() if row.thief == "fails"]
    assert [(row.status, row.message) for row in failed] == [
        ("TIMEOUT", "took longer than the limit of 20 s")
    ] * 2


def test_a_step_with_which_machines_die_again_and_again_is_given_up(tmp_path: Path) -> None:
    from arena.runs.executors.on_ray import OnRay, _Task

    parsed = scenario()
    step = next(iter(parsed.matches(task_of(parsed, Compute()))))[0].base()
    executor = OnRay(RayOptions(), Store(tmp_path), Setting())
    outcome = executor._lost(_Task(step, n_lost=2))
    assert outcome == Outcome(step.digest, "ERROR", "3 machines died while they made it")


def test_a_machine_that_no_step_fits_is_missed_before_anything_is_made(
    two: Machines, tmp_path: Path
) -> None:
    from arena.errors import ExecutorError

    with pytest.raises(ExecutorError, match="expected a machine with 1 cores and 3 GPUs"):
        play_with(tmp_path, on_ray(gpus=3))
