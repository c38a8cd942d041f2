"""What an autograder's container needs: `python -m benchmarks.serving.autograder surviving-mark`.

A shipped assignment is handed out, zipped and unpacked as a platform would, and its own solution is
graded. Printed are its points, seconds of processor time, and the most memory that all processes of
the grading held together (proportional set size, looked at every half second).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

_EVERY_S = 0.5
_METADATA = {"created_at": "2026-11-28T12:00:00.000000+00:00", "previous_submissions": []}


def arena(*words: str) -> list[str]:
    """Return the command line of the arena of this Python."""
    return [str(Path(sys.executable).parent / "arena"), *words]


def platform_folder(name: str, place: Path) -> Path:
    """Return a platform's folder with an assignment's autograder and its solution handed in."""
    handed_out, packed, platform = place / "assignment", place / "grader.zip", place / "platform"
    for line in (
        arena("course", "new", str(handed_out), "--from", name),
        arena("course", "gradescope", str(handed_out), "--out", str(packed)),
    ):
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    with zipfile.ZipFile(packed) as opened:
        opened.extractall(platform / "source")
    (platform / "submission").mkdir()
    for solution in (handed_out / "hidden").glob("*.py"):
        shutil.copy(solution, platform / "submission")
    (platform / "submission_metadata.json").write_text(json.dumps(_METADATA))
    return platform


def tree(pid: int) -> Iterator[int]:
    """Yield a process and its descendants."""
    yield pid
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in tasks.read_text().split():
            yield from tree(int(child))


def held_mb(pid: int) -> float:
    """Return the memory in MiB that a process and its descendants hold."""
    held_kb = 0
    try:
        for each in tree(pid):
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
            held_kb += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    except (OSError, StopIteration):  # one of them has just ended
        return 0.0
    return held_kb / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("assignment", help="the name of one that ships")
    name = parser.parse_args().assignment
    with tempfile.TemporaryDirectory() as place:
        platform = platform_folder(name, Path(place))
        before, started, most_mb = os.times(), time.monotonic(), 0.0
        grading = subprocess.Popen(arena("course", "autograde", str(platform)))
        while grading.poll() is None:
            most_mb = max(most_mb, held_mb(grading.pid))
            time.sleep(_EVERY_S)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        results = json.loads((platform / "results" / "results.json").read_text())
    cpu_s = used.ru_utime + used.ru_stime - before.children_user - before.children_system
    print(f"{name}: {results['score']:g} of {results['extra_data']['most']:g} points")
    print(f"{cpu_s:.0f} s of processor time in {time.monotonic() - started:.0f} s")
    print(f"{most_mb:.0f} MiB at most")


if __name__ == "__main__":
    main()
