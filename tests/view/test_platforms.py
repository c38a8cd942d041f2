"""Where a system lacks what Linux has, everything can be imported and says what it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT = """
import signal, sys
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
for name in ("pthread_sigmask", "SIGKILL"):
    if hasattr(signal, name):
        delattr(signal, name)
sys.argv = ["arena", "run", "quickstart", "--jobs", "1", "--out", sys.argv[1]]
from arena.view.cli import main
main()
"""


@pytest.mark.slow
def test_a_system_without_locks_is_named_in_one_sentence(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert "arena: expected Linux, macOS or WSL, found a system without locks" in ran.stderr
    assert "Traceback" not in ran.stderr
