"""A player's process is ended with all that it started."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from arena.errors import PlayerError
from arena.game.sandbox.cell import Cell
from arena.game.sandbox.players_file import PlayersFile

STARTS = """
import subprocess
child = subprocess.Popen(["sleep", "600"])
open({path!r}, "w").write(str(child.pid))
{then}
"""

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


def is_running(pid: int) -> bool:
    """Say whether a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ends(pid: int) -> bool:
    """Wait for a process to end; one that does not is ended here."""
    until = time.monotonic() + 20
    while is_running(pid) and time.monotonic() < until:
        time.sleep(0.05)
    if left := is_running(pid):
        os.kill(pid, signal.SIGKILL)
    return not left


def started(tmp_path: Path, then: str = "") -> tuple[PlayersFile, Path]:
    """Return a trusted file that starts a process when it is imported, and where it says which."""
    told = tmp_path / "pid"
    source = STARTS.format(path=str(told), then=then)
    return PlayersFile(tmp_path / "starts_a_child.py", source, walled=False), told


@needs_proc
def test_what_an_unwalled_player_started_ends_with_it(tmp_path: Path) -> None:
    file, told = started(tmp_path)
    file.process().close()
    assert ends(int(told.read_text()))


@needs_proc
@pytest.mark.slow
def test_what_a_player_that_is_over_started_ends_when_it_is_closed(tmp_path: Path) -> None:
    file, told = started(tmp_path, "import os; os._exit(3)")
    with pytest.raises(PlayerError, match="ended its process"):
        file.process()
    assert ends(int(told.read_text()))


@needs_proc
@pytest.mark.slow
def test_what_a_player_started_ends_when_its_time_is_over(tmp_path: Path) -> None:
    file, told = started(tmp_path)
    with file.process() as process:
        process.cell = Cell(wall_s=0.0)
        process._watch()
        assert ends(int(told.read_text()))
