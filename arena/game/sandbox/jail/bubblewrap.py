"""bubblewrap: what a player's process can see, as a command line.

In view are the system's programs and libraries, this Python with its packages, the arena and the
packages of installed players; all read-only. Out of view is everything else: home, data folders,
results, the network, other processes. Data that ship inside an installed package are the owner's
data too, and are hidden.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from arena.game.sandbox.cell import Cell
from arena.game.sandbox.jail.seccomp import MACHINES

PROGRAM = "bwrap"
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SETTINGS = ("/etc/ld.so.cache", "/etc/alternatives")
_DATA_INSIDE_PACKAGES = tuple(f"sklearn/datasets/{name}" for name in ("data", "descr", "images"))
_GROUPS = ("copyright_arena.attackers", "copyright_arena.defenders")
_GPU = ("/dev/nvidia*", "/dev/nvidia-caps", "/sys/module/nvidia", "/sys/bus/pci", "/sys/devices")
_NOBODY = "65534"


@functools.cache
def missing() -> str:
    """Return why nothing can be sandboxed here, with what to do about it; "" where it can be."""
    if platform.system() != "Linux" or platform.machine() not in MACHINES:
        known = " or ".join(MACHINES)
        return f"sandboxes need Linux on {known}, this is {platform.system()} {platform.machine()}"
    if shutil.which(PROGRAM) is None:
        return "sandboxes need bubblewrap, which is not installed: apt-get install bubblewrap"
    tried = subprocess.run(
        [*_walls(), "--ro-bind", "/", "/", "true"], capture_output=True, text=True, check=False
    )
    if tried.returncode != 0:
        reason = tried.stderr.strip().partition("\n")[0]
        return (
            f"bubblewrap cannot make a sandbox here ({reason}); "
            "it takes bubblewrap 0.8 or newer, and user namespaces"
        )
    return ""


def command(cell: Cell) -> list[str]:
    """Return the start of a command line: the sandbox in which what follows it runs."""
    size = str(cell.file_mb << 20)
    line = [*_walls(), "--clearenv"]
    for name, value in _environment().items():
        line += ["--setenv", name, value]
    line += ["--proc", "/proc", "--dev", "/dev", "--size", size, "--tmpfs", "/dev/shm"]  # noqa: S108
    line += ["--remount-ro", "/dev", "--size", size, "--tmpfs", "/tmp"]  # noqa: S108
    for path in _in_view():
        line += ["--ro-bind", str(path), str(path)]
    for path in _hidden():
        line += ["--tmpfs", str(path), "--remount-ro", str(path)]
    if cell.gpu:
        for path in _matching(_GPU):
            line += ["--dev-bind", str(path), str(path)]
    return [*line, "--remount-ro", "/", "--chdir", "/tmp"]  # noqa: S108


def _walls() -> list[str]:
    """Return the namespaces: nothing is shared, nobody is root, all dies with who started it."""
    return [
        *(PROGRAM, "--unshare-all", "--unshare-user", "--disable-userns"),
        *("--uid", _NOBODY, "--gid", _NOBODY, "--hostname", "arena"),
        *("--die-with-parent", "--new-session", "--cap-drop", "ALL"),
    ]


def _environment() -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",  # noqa: S108 - the sandbox's own
        "USER": "player",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(_package("arena")).parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }


def _in_view() -> Iterator[Path]:
    """Yield every file and folder that is bound, read-only, where it lies."""
    for name in (*_SYSTEM, *_SETTINGS):
        if Path(name).exists():
            yield Path(name)
    pythons = {Path(sys.prefix), Path(sys.base_prefix)}
    packages = {_package(name) for name in ("arena", *_players_packages())}
    for path in sorted(pythons | packages, key=lambda path: len(path.parts)):
        if not path.is_relative_to("/usr"):
            yield path


def _players_packages() -> set[str]:
    """Return the packages of installed players by name."""
    entries = (entry for group in _GROUPS for entry in importlib.metadata.entry_points(group=group))
    return {entry.value.partition(":")[0].partition(".")[0] for entry in entries}


def _package(name: str) -> Path:
    """Return the folder of an importable package; its parent may hold results."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"no package {name!r}", name=name)
    return Path(found.origin).parent


def _hidden() -> list[Path]:
    """Return the folders inside installed packages that hold data."""
    roots = {Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("platlib"))}
    folders = (root / inside for root in sorted(roots) for inside in _DATA_INSIDE_PACKAGES)
    return [folder for folder in folders if folder.is_dir()]


def _matching(patterns: tuple[str, ...]) -> list[Path]:
    return [path for pattern in patterns for path in sorted(Path("/").glob(pattern.lstrip("/")))]
