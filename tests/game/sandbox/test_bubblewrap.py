"""The sandbox's command line: what is in view."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import arena
from arena.game.sandbox.cell import Cell
from arena.game.sandbox.jail.bubblewrap import command, missing
from tests.game.sandbox.conftest import needs_sandbox


def bound(line: list[str]) -> list[str]:
    return [line[i + 1] for i, word in enumerate(line) if word.endswith("bind")]


def test_packages_are_in_view_and_not_what_lies_beside_them() -> None:
    seen = bound(command(Cell()))
    root = Path(arena.__file__).parents[1]
    assert {str(root / name) for name in ("arena", "attackers", "defenders")} <= set(seen)
    assert str(root) not in seen
    assert str(Path.home()) not in seen
    assert not any(path.startswith("/dev") for path in seen)


def test_gpus_are_in_view_only_if_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "arena.game.sandbox.jail.bubblewrap._matching", lambda _: [Path("/dev/nvidia0")]
    )
    assert "/dev/nvidia0" not in bound(command(Cell()))
    assert "/dev/nvidia0" in bound(command(Cell(gpu=True)))


def test_the_environment_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARENA_SECRET", "not for players")
    assert "--clearenv" in command(Cell())
    assert "not for players" not in command(Cell())


def test_where_there_is_no_bubblewrap_the_sentence_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert "apt-get install bubblewrap" in missing.__wrapped__()


@needs_sandbox
def test_a_program_in_the_sandbox_is_nobody_in_a_machine_of_its_own() -> None:
    code = "import os; print(os.getuid(), os.uname().nodename, os.getcwd())"
    line = [*command(Cell()), sys.executable, "-S", "-c", code]
    done = subprocess.run(line, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert done.stderr == ""
    assert done.stdout.split() == ["65534", "arena", "/tmp"]  # noqa: S108
