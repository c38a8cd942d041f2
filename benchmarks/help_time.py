"""How much CPU time `arena --help` and `arena list attackers` take.

    python -m benchmarks.help_time [--runs 15]

A process of its own for each run, as a person starts it; `python -c pass` beside it says how much
of that is Python's own start. The list is timed twice: as the first command after a change of any
source, which imports every player, and as every later one. Bars: <= 0.7 s and <= 1.5 s of CPU.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common import bar, heading, say

HELP, LIST = ["-m", "arena", "--help"], ["-m", "arena", "list", "attackers"]


def cpu_s(arguments: list[str], cache: Path) -> float:
    """Return the CPU seconds, of user and system, of one run of Python."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "ARENA_CACHE": str(cache)}
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU time of short commands.")
    parser.add_argument("--runs", type=int, default=15)
    n_runs: int = parser.parse_args().runs
    heading("CPU seconds of short commands", n_runs)
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        first_s = cpu_s(LIST, cache)
        taken: dict[str, list[float]] = {"start": [], "help": [], "list": []}
        for _ in range(n_runs):
            taken["start"].append(cpu_s(["-c", "pass"], cache))
            taken["help"].append(cpu_s(HELP, cache))
            taken["list"].append(cpu_s(LIST, cache))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    say(f"Python's own start: {medians['start']:.2f} s")
    say(f"arena list attackers, after a change of the sources: {first_s:.2f} s")
    bar("arena --help: CPU seconds", medians["help"], 0.7, at_least=False)
    bar("arena list attackers: CPU seconds", medians["list"], 1.5, at_least=False)


if __name__ == "__main__":
    main()
