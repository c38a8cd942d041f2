"""What a player's process may take."""

from __future__ import annotations

import signal
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """The limits of one player's process. All of them hold by default.

    Attributes:
        memory_mb: address space in MiB; importing torch alone takes about 3,300.
        wall_s: seconds until it is killed. cpu_s: seconds of processor time.
        file_mb: size in MiB of a file, and of its private /tmp as a whole. files: open files.
        threads: of a sandbox; the kernel limits them, except those of what root started, and the
            referee counts them.
        gpu: whether the GPUs are in view.
    """

    memory_mb: int = 8192
    wall_s: float = 3600.0
    cpu_s: int = 7200
    file_mb: int = 256
    files: int = 256
    threads: int = 512
    gpu: bool = False


def confine(cell: Cell) -> None:
    """Set this process's resource limits for good: no privilege is left that could raise them.

    A GPU's driver maps more address space than there is memory: with GPUs in view only the data
    segment is limited.
    """
    import resource  # not there on every system

    memory = resource.RLIMIT_DATA if cell.gpu else resource.RLIMIT_AS
    limits = {
        memory: cell.memory_mb << 20,
        resource.RLIMIT_CPU: cell.cpu_s,
        resource.RLIMIT_FSIZE: cell.file_mb << 20,
        resource.RLIMIT_NOFILE: cell.files,
        resource.RLIMIT_NPROC: cell.threads,
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in limits.items():
        _, hard = resource.getrlimit(kind)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (most, most))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that is too large: an OSError
