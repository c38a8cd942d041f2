"""How many steps this machine makes at a time."""

from __future__ import annotations

import os

from arena.errors import ExecutorError
from arena.world.bounds import JOBS_PER_CORE


def n_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_jobs(n_jobs: int) -> None:
    """Refuse more processes than this machine can hold.

    Raises:
        ExecutorError: they are none, or too many for each core.
    """
    most = JOBS_PER_CORE * n_cores()
    if not 1 <= n_jobs <= most:
        raise ExecutorError(
            f"expected 1 to {most} jobs on this machine, {JOBS_PER_CORE} for each core, found "
            f"{n_jobs}; try --jobs {n_cores()}"
        )
