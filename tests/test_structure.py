"""The house: short files, few of them side by side, tests that mirror what they test."""

from __future__ import annotations

import statistics
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIBRARY = [
    path for name in ("arena", "attackers", "defenders") for path in (ROOT / name).rglob("*.py")
]
SCRIPTS = [path for name in ("tests", "benchmarks") for path in (ROOT / name).rglob("*.py")]
MOST_LINES, MEDIAN_LINES = 400, 150
MOST_FILES = 13
"""About twelve: beyond that a folder has parts that deserve names."""


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_files_are_short() -> None:
    every = [*LIBRARY, *SCRIPTS]
    long = {str(path.relative_to(ROOT)): n for path in every if (n := lines(path)) > MOST_LINES}
    assert long == {}
    assert statistics.median(map(lines, LIBRARY)) <= MEDIAN_LINES


def test_no_folder_is_a_heap() -> None:
    beside = Counter(path.parent for path in [*LIBRARY, *SCRIPTS] if path.name != "__init__.py")
    heaps = {str(folder.relative_to(ROOT)): n for folder, n in beside.items() if n > MOST_FILES}
    assert heaps == {}
