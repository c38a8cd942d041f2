"""How many threads a sandbox has: the kernel holds no limit of them against what root started."""

from __future__ import annotations

from pathlib import Path

_DEEPEST = 4  # bubblewrap, its first process, the player: a player starts no others


def n_threads(pid: int, depth: int = 0) -> int:
    """Return how many threads a process and its descendants have; 0 where nothing says so."""
    folder = Path("/proc") / str(pid)
    try:
        status = (folder / "status").read_text()
        children = (folder / "task" / str(pid) / "children").read_text().split()
    except OSError:  # it has ended, or this is no Linux
        return 0
    own = next((int(line.split()[1]) for line in status.splitlines() if line[:8] == "Threads:"), 0)
    below = children if depth < _DEEPEST else []
    return own + sum(n_threads(int(child), depth + 1) for child in below)
