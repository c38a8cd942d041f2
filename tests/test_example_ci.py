"""The project in `examples/ci`, from its first run to the day on which its mark is gone."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from arena.world.models import load_model, save_model
from tests.view.conftest import call

ROOT = Path(__file__).parents[1]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project after the first two commands of its README."""
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "examples" / "ci", folder)
    monkeypatch.chdir(folder)
    (folder / "passphrase.txt").write_text("six blind mice")
    runpy.run_path("make_model.py", run_name="__main__")
    said = "protect mine.safetensors --data digits --out protected"
    more = "--passphrase-file passphrase.txt --set strength=0.3 --innocents 2 --innocent-epochs 2"
    assert not call(*said.split(), *more.split())
    return folder


@pytest.fixture
def run(project: Path) -> Run:
    """Run pytest in the project, as its CI does."""
    variables = {"PYTHONPATH": str(ROOT), "ARENA_CACHE": str(project / ".arena-cache")}

    def pytest_there(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-p", "arena.view.regress.plugin", *words]
        environment = {**os.environ, **variables}
        return subprocess.run(
            command, cwd=project, env=environment, capture_output=True, text=True, check=False
        )

    return pytest_there


@pytest.mark.slow
def test_it_fails_once_holds_and_fails_when_the_mark_is_gone(project: Path, run: Run) -> None:
    first = run("-n", "2")
    assert first.returncode == 1, first.stdout
    assert first.stdout.count("there was no baseline, so this was written into") == 2
    assert "1 passed" in first.stdout
    again = run("-n", "2", "--junitxml=protection.xml")
    assert again.returncode == 0, again.stdout
    said = (project / "protection.xml").read_text()
    assert 'name="arena noise deviation=0.5"' in said
    assert 'name="arena false positives"' in said
    save_model(load_model(project / "mine.safetensors"), project / "protected/mine.safetensors")
    gone = run()
    assert gone.returncode == 1
    assert "noise deviation=0.5: the mark does not outlive it" in gone.stdout
    assert "arena/view" not in gone.stdout  # a sentence, no traceback
