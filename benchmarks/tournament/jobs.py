"""The quickstart with two workers against one process, and its second run.

    python -m benchmarks.tournament.jobs

Every run begins with an empty folder; the orders 1-2 and 2-1 alternate. Bars: two workers >= 1.3
times faster than one process; a second run of a finished tournament <= 3 s with nothing trained.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import bar, heading, say

N = 3


def run(out: Path, jobs: int) -> tuple[float, str]:
    """Play the quickstart through the command line; return seconds and what was said."""
    code = "from arena.view.cli import main; main()"
    command = [
        sys.executable,
        "-c",
        code,
        "run",
        "quickstart",
        "--out",
        str(out),
        "--jobs",
        str(jobs),
    ]
    started = time.perf_counter()
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - started, ended.stdout + ended.stderr


def main() -> None:
    heading("quickstart, --jobs 1 against --jobs 2", N)
    times: dict[int, list[float]] = {1: [], 2: []}
    again: list[float] = []
    for i in range(N):
        for jobs in (1, 2) if i % 2 == 0 else (2, 1):
            out = Path(tempfile.mkdtemp())
            seconds, _ = run(out, jobs)
            times[jobs].append(seconds)
            say(f"--jobs {jobs}: {seconds:.1f} s")
        seconds, said = run(out, 2)
        again.append(seconds)
        made = re.search(r"(\d+|no) steps? (?:was|were) made", said)
        say(f"second run: {seconds:.2f} s, {made.group(0) if made else 'nothing made'}")
        shutil.rmtree(out)
    one, two = statistics.median(times[1]), statistics.median(times[2])
    bar("one process / two workers", one / two, 1.3)
    bar("seconds of the quickstart with two workers", two, 120, at_least=False)
    bar("seconds of a second run", statistics.median(again), 3, at_least=False)


if __name__ == "__main__":
    main()
