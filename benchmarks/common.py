"""What every benchmark prints: date, machine, versions, medians, and the bar in words."""

from __future__ import annotations

import datetime
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch


def machine() -> str:
    """Return the processor (or GPU) and the number of cores."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    found = subprocess.run(["lscpu"], capture_output=True, text=True, check=False).stdout
    lines = [line for line in found.splitlines() if line.startswith("Model name")]
    name = lines[0].partition(":")[2].strip() if lines else platform.machine()
    return f"{name}, {os.cpu_count()} cores"


def heading(title: str, n: int) -> None:
    """Print what is measured, when, where, with what."""
    say(f"{title}")
    say(f"date {datetime.date.today()}, {machine()}, Python {platform.python_version()}, "
        f"torch {torch.__version__}, median of {n}")  # fmt: skip


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def median_s(work: Callable[[], object], n: int, warm: int = 1) -> float:
    """Return the median wall-clock seconds of `n` runs after `warm` more."""
    for _ in range(warm):
        work()
    times = []
    for _ in range(n):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def alternate_s(
    first: Callable[[], object], second: Callable[[], object], n: int
) -> tuple[float, float]:
    """Return the medians of two pieces of work run in turns, so that noise hits both."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(n + 1):
        for work, kept in zip((first, second), times, strict=True):
            started = time.perf_counter()
            work()
            kept.append(time.perf_counter() - started)
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


def bar(what: str, reached: float, asked: float, *, at_least: bool = True) -> None:
    """Print a bar: what was reached, what was asked, and whether it holds."""
    holds = reached >= asked if at_least else reached <= asked
    sign = ">=" if at_least else "<="
    say(f"{what}: {reached:.3g} (asked {sign} {asked:g}): {'reached' if holds else 'NOT reached'}")


def cache() -> Path:
    """Return the folder of decoded data."""
    return Path(os.environ.get("ARENA_CACHE", Path.home() / ".cache" / "copyright-arena"))
