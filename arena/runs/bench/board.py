"""The board: results of one suite, in the order of what they protect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from arena.errors import BaselineError
from arena.runs.bench.result import Result, read_result


def read_board(places: Iterable[Path]) -> dict[str, tuple[Result, ...]]:
    """Return the results in files and in folders, by data set, best first.

    Args:
        places: files of results, or folders that hold some side by side. A result that is in
            several of them counts once.

    Raises:
        BaselineError: there is none, one is damaged, or they are of several suites.
    """
    paths = [path for place in places for path in _files(place)]
    results = [(path, read_result(path)) for path in paths]
    _refuse_mixed(results)
    boards: dict[str, list[Result]] = {}
    for _, result in results:
        found = boards.setdefault(result.run.data, [])
        if result not in found:
            found.append(result)
    return {data: ranked(boards[data]) for data in sorted(boards)}


def _files(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    found = sorted(place.glob("*.json"))
    if not found:
        raise BaselineError(
            f"expected results of `arena bench` in {place}, found none; "
            "`arena bench DEFENCE --out DIR` writes them"
        )
    return found


def _refuse_mixed(results: Sequence[tuple[Path, Result]]) -> None:
    """Refuse results that may not stand in one table."""
    if not results:
        return
    first_path, first = results[0]
    for path, result in results:
        if result.run.suite_sha256 != first.run.suite_sha256:
            raise BaselineError(
                f"expected results of one suite, found {_suite(first)} in {first_path.name} and "
                f"{_suite(result)} in {path.name}; make a board of each"
            )


def _suite(result: Result) -> str:
    return f"{result.run.suite} ({result.run.suite_sha256[:8]})"


def ranked(results: Iterable[Result]) -> tuple[Result, ...]:
    """Return results with the best headline first; those without one come last, by name.

    Of equal headlines that of the better interval is first, then who loses least to the families.
    """

    def place(result: Result) -> tuple[float, float, float]:
        if result.headline is None:
            return (1.0, 0.0, 0.0)
        return (-result.headline, -result.robust.low, result.taken)

    return tuple(sorted(results, key=lambda result: (*place(result), result.subject.name)))
