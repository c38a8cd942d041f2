"""What the README says is so: its example is short and plays, its commands are CI's."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from arena.game.match.steps.step_cache import Setting
from arena.game.sandbox.jail.bubblewrap import missing
from arena.runs.executors import InProcess
from arena.runs.scenario import read_scenario
from arena.runs.tournament import Tournament, open_folder, task_of
from arena.view.cli import main
from arena.view.exit_codes import ExitCode
from arena.world.compute import Compute
from arena.world.data import load
from arena.world.models import load_model

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_first_two_commands_are_one_line_each() -> None:
    first, second = blocks("sh")[:2]
    assert first.strip().count("\n") == second.strip().count("\n") == 0
    assert first.endswith("arena run\n")
    assert "[test,torchattacks]" in second
    assert "[torchattacks]" in first
    assert "pytest" in second


@pytest.mark.end_to_end
def test_the_example_of_the_front_door_plays(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = [block for block in blocks("python") if block.startswith("import arena\n")]
    exec(code, {})  # noqa: S102 - our own README
    said = capsys.readouterr().out
    assert said.startswith("uchida-vs-prune+ft-al-0\n")
    assert "ft-al" in said


@pytest.mark.end_to_end
def test_the_example_attack_has_at_most_twenty_lines_and_plays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, (text,) = blocks("python")[-1], blocks("toml")
    assert len(code.splitlines()) <= 20
    (tmp_path / "my_attack.py").write_text(code)
    (tmp_path / "my-scenario.toml").write_text(text)
    few = {
        "task.recipe": {"epochs": 2},
        "innocents": {
            "reporting_same": 1,
            "reporting_other": 0,
            "calibration_odd": 0,
            "reporting_odd": 0,
        },
    }
    trusted = [tmp_path / "my_attack.py"] if missing() else []
    scenario = read_scenario(tmp_path / "my-scenario.toml", few, trusted)
    store, ledger = open_folder(tmp_path / "out")
    tournament = Tournament(scenario, task_of(scenario, Compute()), store, ledger, lambda _: None)
    tournament.run(InProcess(store, Setting()))
    rows = ledger.rounds()
    assert [(row.move, row.status) for row in rows] == [("shrink", "OK")] * 2
    agreement = [row.agreement or 0.0 for row in rows]
    assert 0 < agreement[1] <= agreement[0] <= 1


@pytest.fixture
def two_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the two models that the README's first snippet saves."""
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks("python")[0], "README.md", "exec"), {})  # noqa: S102 - our own page
    return tmp_path


@pytest.mark.end_to_end
def test_the_two_models_are_saved_and_can_be_read(two_models: Path) -> None:
    mine, theirs = (load_model(two_models / f"{n}.safetensors") for n in ("mine", "theirs"))
    test = load("digits").test
    assert Compute().accuracy(mine, test.images, test.labels) > 0.95
    assert mine.digest() != theirs.digest()


@pytest.mark.slow
def test_the_two_models_are_judged_as_it_says(
    two_models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = re.findall(r"^\$ (arena judge --victim.*)$", README, re.MULTILINE)
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == ExitCode.COPY
    assert "Verdict: a copy" in capsys.readouterr().out


@pytest.mark.parametrize("scenario", re.findall(r"\$ arena run ([\w-]+)(?= |\n)", README))
def test_the_scenarios_that_it_names_are_shipped(scenario: str) -> None:
    assert (ROOT / "scenarios" / f"{scenario}.toml").is_file()


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    for target in targets:
        assert (ROOT / target).is_file()
