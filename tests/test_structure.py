"""The house: short files, few of them side by side, tests that mirror what they test."""

from __future__ import annotations

import ast
import statistics
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

import pytest

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


def calls(name: str, paths: Iterable[Path], spared: Collection[str] = ()) -> list[str]:
    """Return the places at which something is called by that dotted name."""
    return [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in paths
        if str(path.relative_to(ROOT)) not in spared
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == name
    ]


@pytest.mark.parametrize("name", ["json.load", "json.loads"])
def test_json_is_read_by_the_one_that_refuses_what_is_none(name: str) -> None:
    assert calls(name, LIBRARY, ["arena/world/json_values.py"]) == []  # `from_json`


def imported(name: str, module: str, path: Path) -> list[str]:
    """Return how a file calls what it imports from a module by that name."""
    return [
        alias.asname or alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == module
        for alias in node.names
        if alias.name == name
    ]


def test_everything_is_printed_by_the_console_that_lets_no_control_through() -> None:
    made = [
        place
        for path in LIBRARY
        for name in ("rich.console.Console", *imported("Console", "rich.console", path))
        for place in calls(name, [path])
    ]
    assert made == []  # `arena.view.console` has one
