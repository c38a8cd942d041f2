"""The tournament: the same whoever computes, resumed where it was left, robust to players."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from arena.errors import PlayerError, StoreError
from arena.game.match.steps.innocents_step import InnocentsStep
from arena.game.match.steps.step_cache import Setting
from arena.game.sandbox.players_file import PlayersFile
from arena.runs.executors import InProcess, Workers
from arena.runs.ledger import Ledger
from arena.runs.store import Store
from arena.runs.tournament import Event, Tournament, task_of
from arena.view.results.report import read_report
from arena.world.bundle import Bundle
from arena.world.compute import Compute
from arena.world.task import TaskSpec
from tests.salted.sitecustomize import VARIABLE

from .conftest import HERE, SMALL, Played, play, scenario

FAILING = (
    SMALL
    + """
[[thief]]
name = "fails"
moves = [{ move = "test-fails", settings = { how = "HOW" } }]
"""
)


def test_every_round_has_its_row(finished: Played) -> None:
    rows = finished.ledger.rounds()
    assert [(row.match, row.round) for row in rows] == [
        ("uchida-vs-none-0", 0),
        ("uchida-vs-tune-twice-0", 0),
        ("uchida-vs-tune-twice-0", 1),
        ("none-vs-none-0", 0),
        ("none-vs-tune-twice-0", 0),
        ("none-vs-tune-twice-0", 1),
    ]
    assert {row.status for row in rows} == {"OK"}
    for row in rows:
        assert row.utility is not None
        assert 0 <= row.utility <= 1
        if row.pays:
            assert (row.payoff or 0.0) + (row.owner_payoff or 0.0) == pytest.approx(1)
        else:  # nothing to steal counts for nobody
            assert (row.payoff, row.owner_payoff) == (None, None)
        assert row.steps is not None


def test_the_strength_of_a_move_is_recorded_and_played(finished: Played) -> None:
    rows = finished.ledger.rounds()
    assert [row.strength for row in rows[:3]] == [None, None, 0.5]


def test_meters_run_on_through_the_rounds(finished: Played) -> None:
    first, second = (row.steps or 0.0 for row in finished.ledger.rounds()[1:3])
    assert 0 < first < second


def test_shared_parents_are_made_once(finished: Played) -> None:
    assert len(finished.made) == len(set(finished.made)) - 0
    assert finished.made.count("train repeat 0/victim") == 1


def test_innocents_are_verified_for_every_owner(finished: Played) -> None:
    rows = finished.ledger.innocents()
    assert [(row.owner, row.kind) for row in rows] == [
        (owner, kind) for owner in ("none", "uchida") for kind in ("Neg-1", "Neg-2")
    ]


def test_calibration_and_reporting_pools_share_no_model() -> None:
    match, _ = next(scenario().matches(_task()))
    calibration = {step.digest for step in match.calibration()}
    reporting = {step.digest for step in match.reporting()}
    assert len(calibration) == 2
    assert not calibration & reporting
    assert match.base().digest not in calibration | reporting


def _task() -> TaskSpec:
    return task_of(scenario(), Compute())


@pytest.mark.end_to_end
def test_two_workers_give_the_bits_of_one_process(finished: Played, tmp_path: Path) -> None:
    parallel = play(tmp_path, jobs=2)
    assert parallel.ledger.lasting() == finished.ledger.lasting()


@pytest.mark.end_to_end
@pytest.mark.skipif(
    VARIABLE in os.environ, reason="nothing of the environment, nor a salt, goes into a sandbox"
)
def test_isolated_players_give_the_same_bits(finished: Played, tmp_path: Path) -> None:
    isolated = play(tmp_path, SMALL.replace("seed = 7", "seed = 7\nisolate = true"))
    assert isolated.ledger.lasting() == finished.ledger.lasting()


def test_a_second_run_makes_nothing(finished: Played, tmp_path: Path) -> None:
    shutil.copytree(finished.out, tmp_path / "again")
    again = play(tmp_path / "again")
    assert again.made == []
    assert again.ledger.lasting() == finished.ledger.lasting()


def test_a_thief_that_is_added_plays_only_its_own_row(finished: Played, tmp_path: Path) -> None:
    shutil.copytree(finished.out, tmp_path / "more")
    late = '\n[[thief]]\nname = "late"\nmoves = ["ft-al"]\nthreat = { grant = { data = 0.05 } }\n'
    more = play(tmp_path / "more", SMALL + late)
    assert all("ft-al against" in title for title in more.made)
    assert len(more.made) == 4  # a round and a judgement against each of two owners
    assert more.ledger.lasting().startswith(finished.ledger.lasting().partition("\n")[0])
    assert len(more.ledger.rounds()) == 8


def test_a_match_that_left_the_scenario_is_not_shown(finished: Played, tmp_path: Path) -> None:
    shutil.copytree(finished.out, tmp_path / "fewer")
    fewer = play(tmp_path / "fewer", SMALL.partition('[[thief]]\nname = "tune-twice"')[0])
    assert [row.match for row in fewer.ledger.rounds()] == ["uchida-vs-none-0", "none-vs-none-0"]


@pytest.mark.parametrize(
    ("how", "status", "message"),
    [
        ("error", "ERROR", "ZeroDivisionError: a player's own fault (players.py, line 33)"),
        ("forfeit", "FORFEIT", "asked for too much"),
        ("invalid", "INVALID", "nothing to judge"),
        ("memory", "MEMORY", "out of memory (a player's own fault)"),
        ("sys-exit", "ERROR", "the player ended the program (sys.exit(0))"),
    ],
)
def test_a_thief_that_fails_costs_only_its_own_cell(
    finished: Played, tmp_path: Path, how: str, status: str, message: str
) -> None:
    shutil.copytree(finished.out, tmp_path / "out")
    played = play(tmp_path / "out", FAILING.replace("HOW", how))
    failed = [row for row in played.ledger.rounds() if row.thief == "fails"]
    assert [(row.status, row.message) for row in failed] == [(status, message)] * 2
    assert all(row.payoff is None for row in failed)
    others = {name: found for name, found in played.status.items() if "fails" not in name}
    assert set(others.values()) == {"OK"}


def test_an_owner_that_breaks_on_innocents_is_told_and_does_not_win(
    finished: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise PlayerError("no verdict")

    shutil.copytree(finished.out, tmp_path / "out")
    with monkeypatch.context() as patched:
        patched.setattr(InnocentsStep, "compute", breaks)
        patched.setattr(InnocentsStep, "recipe", lambda _: {"broken": True})
        played = play(tmp_path / "out")
    told = {event.title: event.status for event in played.events if event.kind == "match"}
    assert told["innocents of uchida"] == "ERROR"
    said = [read_report(each.ledger).faults.get("none", "") for each in (played, finished)]
    assert said == ["came to no verdict on an innocent", ""]


@pytest.mark.parametrize(
    ("how", "status", "message"),
    [
        pytest.param(
            "killed",
            "MEMORY",
            "the worker process ended with SIGKILL",
            marks=pytest.mark.end_to_end,
        ),
        pytest.param(
            "exits", "ERROR", "the worker process ended with code 3", marks=pytest.mark.slow
        ),
        pytest.param(
            "sleeps", "TIMEOUT", "took longer than the limit of 20 s", marks=pytest.mark.slow
        ),
    ],
)
def test_a_worker_that_dies_or_hangs_costs_only_its_own_cell(
    finished: Played, tmp_path: Path, how: str, status: str, message: str
) -> None:
    shutil.copytree(finished.out, tmp_path / "out")
    limit_s = 20 if how == "sleeps" else None  # a slow machine is no failure of the others
    played = play(tmp_path / "out", FAILING.replace("HOW", how), jobs=2, limit_s=limit_s)
    failed = [row for row in played.ledger.rounds() if row.thief == "fails"]
    assert [(row.status, row.message) for row in failed] == [(status, message)] * 2


def test_a_failure_of_a_player_is_remembered_and_one_of_the_machine_is_not(
    finished: Played, tmp_path: Path
) -> None:
    shutil.copytree(finished.out, tmp_path / "out")
    play(tmp_path / "out", FAILING.replace("HOW", "error"))
    assert play(tmp_path / "out", FAILING.replace("HOW", "error")).made == []
    play(tmp_path / "out", FAILING.replace("HOW", "memory"))
    again = play(tmp_path / "out", FAILING.replace("HOW", "memory"))
    assert again.made == ["test-fails against uchida", "test-fails against none"]


def test_what_follows_from_a_failure_is_skipped(tmp_path: Path) -> None:
    text = SMALL.replace('scheme = "uchida"\nsettings = { strength = 0.3 }', BROKEN_OWNER)
    played = play(tmp_path, text)
    rows = [row for row in played.ledger.rounds() if row.owner == "uchida"]
    assert {row.status for row in rows} == {"SKIPPED"}
    assert "expected a layer with room for 9000 bits" in rows[0].message
    assert played.status["none-vs-none-0"] == "OK"


BROKEN_OWNER = 'scheme = "uchida"\nsettings = { n_bits = 9000 }'


def _parts(out: Path) -> list[Path]:
    files = (out / "artefacts").glob("??/*")
    return sorted(file for file in files if file.suffix != ".done" and file.name[0] != ".")


@pytest.mark.parametrize("suffix", [".model", ".victim", ".key", ".deliverable", ".judgement"])
def test_a_flipped_bit_is_found_and_the_artefact_made_again(
    finished: Played, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished.out, out)
    part = next(file for file in _parts(out) if file.suffix == suffix)
    whole = part.read_bytes()
    part.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    for judgement in (out / "artefacts").glob("??/*.judgement"):  # so that parents are read again
        judgement.unlink()
    again = play(out)
    assert again.ledger.lasting() == finished.ledger.lasting()
    if suffix in (".victim", ".key", ".deliverable"):  # what a judgement reads
        assert part.read_bytes() == whole


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_lists_of_parts_that_are_none_are_made_again(
    finished: Played, tmp_path: Path, jobs: int
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished.out, out)
    lists = sorted((out / "artefacts").glob("??/*.done"))
    for i, path in enumerate(lists):
        path.write_text(("{}", "[]", "5", path.read_text())[i % 4])
    assert play(out, jobs=jobs).ledger.lasting() == finished.ledger.lasting()


def test_a_step_that_is_damaged_again_and_again_ends_the_run(tmp_path: Path) -> None:
    class Rotten(Store):
        def load(self, digest: str, part: str) -> Bundle | None:
            return None if part == "judgement" else super().load(digest, part)

    parsed = scenario()
    store, ledger = Rotten(tmp_path / "artefacts"), Ledger(tmp_path / "ledger.sqlite")
    board: list[Event] = []
    tournament = Tournament(parsed, task_of(parsed, Compute()), store, ledger, board.append)
    with pytest.raises(StoreError, match="damaged 3 times after it was made"):
        tournament.run(InProcess(store, Setting()))


@pytest.mark.slow
def test_workers_that_die_before_they_begin_are_no_players_fault(tmp_path: Path) -> None:
    plugin = tmp_path / "ends_at_import_in_a_worker.py"
    plugin.write_text("import os\nos._exit(7)\n")
    store = Store(tmp_path / "artefacts")
    step = next(iter(scenario().matches(_task())))[0].base()
    players = (PlayersFile(plugin, walled=False),)
    with Workers(1, store.root, Setting(), players=players) as workers:
        workers.submit(step)
        with pytest.raises(StoreError, match="3 that ended with code 7 before they took up a step"):
            workers.finished()
    assert not store.has(step.digest)


@pytest.mark.end_to_end
def test_a_worker_that_dies_while_it_is_idle_costs_nothing(
    finished: Played, tmp_path: Path
) -> None:
    shutil.copytree(finished.out / "artefacts", tmp_path / "artefacts")
    step = next(iter(scenario().matches(_task())))[0].base()
    with Workers(1, tmp_path / "artefacts", Setting()) as workers:
        for _ in range(2):
            workers.submit(step)
            assert [outcome.status for outcome in workers.finished()] == ["OK"]
            (process,) = multiprocessing.active_children()
            process.kill()
            process.join()


@pytest.mark.slow
def test_a_store_that_breaks_under_a_worker_ends_the_run(tmp_path: Path) -> None:
    store = Store(tmp_path / "artefacts")
    step = next(iter(scenario().matches(_task())))[0].base()
    store.path(step.digest, "model").mkdir(parents=True)
    with Workers(1, store.root, Setting()) as workers:
        workers.submit(step)
        with pytest.raises(StoreError, match="remove what is in its place"):
            workers.finished()


def _begin(out: Path) -> subprocess.Popen[bytes]:
    code = (
        f"from tests.runs.conftest import play; from pathlib import Path; play(Path({str(out)!r}))"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=HERE.parents[1])


@pytest.mark.slow
def test_kill_9_at_any_moment_loses_nothing_that_was_finished(
    finished: Played, tmp_path: Path
) -> None:
    draw = random.Random(3)
    for attempt in range(4):
        out = tmp_path / str(attempt)
        out.mkdir()
        process = _begin(out)
        goal = draw.randint(1, 12)
        while process.poll() is None and len(list(out.glob("artefacts/??/*.done"))) < goal:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        done = {file.stem for file in out.glob("artefacts/??/*.done")}
        stamps = {file: file.stat().st_mtime_ns for file in out.glob("artefacts/??/*.done")}
        resumed = play(out)
        assert resumed.ledger.lasting() == finished.ledger.lasting()
        assert len(resumed.made) == len(finished.made) - len(done)
        assert all(file.stat().st_mtime_ns == stamp for file, stamp in stamps.items())


@pytest.mark.slow
def test_two_runs_on_one_store_at_once_agree(finished: Played, tmp_path: Path) -> None:
    both = [_begin(tmp_path), _begin(tmp_path)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert Played(tmp_path, []).ledger.lasting() == finished.ledger.lasting()
    assert not list(Store(tmp_path / "artefacts").root.glob("??/.tmp-*"))
