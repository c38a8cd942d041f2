"""`arena doctor`: what this machine has, and whether a tournament's folder is whole."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import torch

import arena
from arena.game.sandbox.jail.bubblewrap import PROGRAM, missing
from arena.runs.doctor import Health, examine
from arena.view.console import Console
from arena.view.plain_table import PlainTable, titled
from arena.world.files.cache_folder import cache_folder

_EXTRAS = ("tensorboard", "gymnasium", "pettingzoo", "torchvision", "art", "stable_baselines3")
_SYSTEMS = ("Linux", "Darwin")  # what is supported; Windows has WSL


def show_doctor(folder: Path | None, *, as_json: bool) -> int:
    """Print what is there; return 0 where nothing is wrong, else 1.

    Raises:
        StoreError: a folder is named that holds no tournament.
    """
    health = examine(folder) if folder else None
    facts = {name: say() for name, say in FACTS.items()}
    console = Console(highlight=False, soft_wrap=True, markup=False)
    if as_json:
        console.print_json(data={"machine": facts, "folder": asdict(health) if health else None})
    else:
        table = PlainTable(("what", "found"), facts.items(), words=("found",))
        console.print(titled("This machine", table))
        if health is not None:
            _print(console, health, folder)
    return 1 if health is not None and health.faults else 0


def _print(console: Console, health: Health, folder: Path | None) -> None:
    if health.n_left_over:
        console.print(f"{health.n_left_over} files .tmp-* of killed runs may be deleted")
    for fault in health.faults:
        console.print(f"{fault.place}: {fault.found}; {fault.remedy}")
    said = f"{len(health.faults)} faults" if health.faults else "whole"
    console.print(f"{folder}: {health.n_steps} steps, {health.n_rounds} rounds: {said}")


def _system() -> str:
    name = f"{platform.system()} {platform.release()}"
    return name if platform.system() in _SYSTEMS else f"{name}: play in WSL, on Linux or on macOS"


def _gpu() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none"


def _extras() -> str:
    there = [name for name in _EXTRAS if find_spec(name) is not None]
    lacking = [name for name in _EXTRAS if name not in there]
    return ", ".join(there) + (f"; not there: {', '.join(lacking)}" if lacking else "")


def _sandbox() -> str:
    return missing() or f"{shutil.which(PROGRAM)}, and it works here"


def _versions() -> str:
    try:
        ours = version("copyright-arena")
    except PackageNotFoundError:
        ours = arena.__version__
    return f"arena {ours}, torch {torch.__version__}, Python {platform.python_version()}"


FACTS: dict[str, Callable[[], str]] = {
    "versions": _versions,
    "system": _system,
    "cores": lambda: str(os.cpu_count()),
    "GPU": _gpu,
    "extras": _extras,
    "sandbox": _sandbox,
    "data": lambda: os.environ.get("ARENA_DATA") or "ARENA_DATA is not set",
    "cache": lambda: str(cache_folder() or "none that can be written; set ARENA_CACHE"),
}
"""What is said of a machine, in its order."""
