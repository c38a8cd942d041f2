"""`arena run` and `arena show`, played for real."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from arena.runs.ledger import Ledger
from arena.runs.tournament import Tournament
from arena.view.results.report import Report
from tests.view.conftest import Command


def lasting(out: Path) -> str:
    return Ledger(out / "ledger.sqlite").lasting()


def test_a_tournament_leaves_a_ledger_boards_and_pictures(played: Path) -> None:
    names = {path.relative_to(played).as_posix() for path in played.rglob("*")}
    assert "ledger.sqlite" in names
    pictures = {name for name in names if name.endswith(".png")}
    assert {"figures/payoff.png", "figures/leaderboard.png", "figures/roc.png"} < pictures
    assert not [name for name in pictures if name.startswith("figures/matches/")]
    assert not [name for name in names if name.endswith("crash.txt")]


def test_running_again_trains_nothing_and_says_so(
    arena: Command, played: Path, scenario_file: Path, tmp_path: Path
) -> None:
    shutil.copytree(played, tmp_path / "out")
    before = lasting(tmp_path / "out")
    done = arena("run", scenario_file, "--out", tmp_path / "out", "--jobs", 2)
    assert done.code == 0
    assert done.err == "small: no steps to make\n"
    assert "nothing was left to make" in done.out
    assert lasting(tmp_path / "out") == before


def test_what_is_said_at_the_end_is_what_to_type_next(
    arena: Command, played: Path, scenario_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a folder"
    shutil.copytree(played, out)
    done = arena("run", scenario_file, "--out", out, "--jobs", 1)
    assert done.out.splitlines()[-4:] == [
        "Next:",
        f"  arena show '{out}'",
        f"  arena page '{out}' --open",
        f"  tensorboard --logdir '{out / 'tensorboard'}'",
    ]
    assert arena("show", out).out.splitlines()[1:] == done.out.splitlines()[1:-6]


def test_only_what_a_change_touches_is_made(
    arena: Command, played: Path, scenario_file: Path, tmp_path: Path
) -> None:
    shutil.copytree(played, tmp_path / "out")
    changes = ("--set", 'thief.0.moves=["ft-ll"]', "--set", "thief.0.name=tuned")
    done = arena("run", scenario_file, "--out", tmp_path / "out", "--jobs=1", *changes)
    assert done.code == 0
    assert done.err.splitlines()[0] == "small: 4 steps to make"  # two rounds, two judgements
    assert "none-vs-tuned-0: pay-off" in done.err
    assert "bits+32-vs-tuned-0: pay-off" in done.err
    events = EventAccumulator(str(tmp_path / "out" / "tensorboard" / "small" / "none")).Reload()
    played_by = {tag.rpartition("/")[2] for tag in events.Tags()["scalars"] if "score/" in tag}
    assert played_by == {"tuned", "tune"}


def test_json_is_one_document_on_stdout(arena: Command, played: Path, report: Report) -> None:
    done = arena("show", played, "--json")
    found = json.loads(done.out)
    assert done.err == ""
    assert found["name"] == "small"
    assert found["scenario"]["seed"] == 3
    assert [line["name"] for line in found["standings"]["owner"]] == [
        line.name for line in report.standings["owner"]
    ]
    assert [kept["match"] for kept in found["rounds"]] == [kept.match for kept in report.rounds]
    assert isinstance(found["rounds"][0]["threat"], dict)
    assert {cell["says"] for cell in found["payoffs"]} >= {"LIMIT", "-"}
    assert [cell["payoff"] for cell in found["payoffs"] if cell["says"] == "LIMIT"] == [None]
    assert len(found["innocents"]) == 4


def test_json_of_a_run_is_that_of_show(
    arena: Command, played: Path, scenario_file: Path, tmp_path: Path
) -> None:
    shutil.copytree(played, tmp_path / "out")
    ran = arena("run", scenario_file, "--out", tmp_path / "out", "--jobs", 1, "--json")
    assert ran.err == "small: no steps to make\n"
    assert json.loads(ran.out) == json.loads(arena("show", tmp_path / "out", "--json").out)


def test_a_dry_run_trains_nothing_and_leaves_nothing(
    arena: Command, scenario_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tournament, "run", None)
    done = arena("run", scenario_file, "--out", tmp_path / "out", "--dry-run")
    assert done.code == 0
    assert "5 matches" in done.out
    assert "ft-ll, ft-al" in done.out
    assert "nothing was made" in done.out
    assert re.search(r"Time: about \S+ to \S+ (seconds|minutes) with \d+ worker", done.out)
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_knows_what_is_made(arena: Command, played: Path, scenario_file: Path) -> None:
    done = arena("run", scenario_file, "--out", played, "--dry-run", "--json", "--set", "repeats=2")
    found = json.loads(done.out)
    assert len(found["matches"]) == 10
    assert 0 < found["time"]["least_s"] < found["time"]["most_s"]
    assert found["matches"][1]["moves"] == ["ft-ll", "ft-al"]
    kinds = {(step["kind"], step["state"]) for step in found["steps"]}
    assert ("train a victim's twin", "made") in kinds
    assert ("train a victim's twin", "to make") in kinds
    assert ("train an innocent", "made") in kinds
    assert ("train an innocent", "to make") not in kinds  # they are shared by the repeats
    impossible = [step for step in found["steps"] if step["state"] == "impossible"]
    assert [step["kind"] for step in impossible] == ["judge a round"]  # of the round that failed


def test_a_tournament_without_any_score_is_a_failure(
    arena: Command, scenario_file: Path, tmp_path: Path
) -> None:
    nothing = ("--set", "task.data=nowhere:x", "--set", "task.recipe.epochs=1")
    refused = arena("run", scenario_file, "--out", tmp_path / "out", "--jobs=1", *nothing)
    assert refused.code == 2
    steps = 'thief=[{ name = "poor", moves = ["ft-al"], threat = { budget = { steps = 1 } } }]'
    failed = arena("run", scenario_file, "--out", tmp_path / "out", "--jobs=1", "--set", steps)
    assert failed.code == 1
    assert failed.out.count("LIMIT") >= 2


def begin(scenario_file: Path, out: Path, jobs: int) -> subprocess.Popen[str]:
    """Start a run in a process of its own and wait until it has made a step."""
    code = "from arena.view.cli import main; main()"
    command = [sys.executable, "-c", code, "run", scenario_file, "--out", out, "--jobs", jobs]
    process = subprocess.Popen(
        [str(word) for word in command], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while process.poll() is None and not list(out.glob("artefacts/??/*.done")):
        time.sleep(0.05)
    return process


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_stopped_continues(
    arena: Command,
    played: Path,
    scenario_file: Path,
    tmp_path: Path,
    jobs: int,
    stop: signal.Signals,
) -> None:
    process = begin(scenario_file, tmp_path / "out", jobs)
    if stop == signal.SIGINT:
        os.killpg(process.pid, stop)  # a terminal sends Ctrl-C to the whole group
    else:
        process.kill()
    _, said = process.communicate(timeout=60)
    assert "Traceback" not in said
    if stop == signal.SIGINT:
        assert process.returncode == 130
        assert said.splitlines()[-1].startswith("arena: stopped; what is finished is kept")
    done = arena("run", scenario_file, "--out", tmp_path / "out", "--jobs", 1)
    assert done.code == 0
    assert "nothing was left" not in done.out
    assert lasting(tmp_path / "out") == lasting(played)
