"""How far from their bounds the tests' measured quantities lie, over many root seeds.

    python -m benchmarks.margins --seeds 20 tests/attackers/claim/test_games.py

Runs the tests once for each seed (ARENA_TEST_SEED), writes down both sides of every comparison of
a number with a bound that an `assert` makes, and prints for each: the bound, mean, deviation and
worst of what was measured, and how probable it is that the next seed breaks the bound. That
probability is the tail of Student's t for one more draw of a normal quantity (the predictive
distribution), so a bound is sound where it is below 1e-4.
"""

from __future__ import annotations

import argparse
import json
import math
import operator
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tests.salted.sitecustomize import VARIABLE

FILE = "ARENA_MARGINS"
"""The environment variable that names the file to which the plugin appends."""
SOUND = 1e-4  # the largest probability of a false alarm that a bound may have
_NUMBER = r"-?(?:\d+\.?\d*(?:e[+-]?\d+)?|inf)"
_TERM = rf"(?:np\.float64\({_NUMBER}\)|{_NUMBER}|\({_NUMBER} [-+*/] {_NUMBER}\))"
_SIGN = "<=|>=|<|>"
_COMPARISON = re.compile(rf"({_TERM}) ({_SIGN}) ({_TERM})(?: ({_SIGN}) ({_TERM}))?(?:\n|$)")
_BINARY = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
_OTHER = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True)
class Measured:
    """One comparison that a test made: `value sign bound`, at a line of a test."""

    test: str
    line: int
    value: float
    sign: str
    bound: float


@dataclass(frozen=True)
class Margin:
    """What was measured over the seeds where one bound was asked for; means over the seeds."""

    n: int
    value: float
    bound: float
    deviation: float  # of the distance between the two
    least: float  # the smallest distance; below 0 where the bound was broken
    chance: float  # that one more seed breaks the bound


def comparisons(text: str) -> Iterator[tuple[float, str, float]]:
    """Yield (value, sign, bound) of each comparison of numbers at the start of an explanation.

    >>> list(comparisons("0.93 > 0.8"))
    [(0.93, '>', 0.8)]
    >>> list(comparisons("0.3 < 0.51 < 0.7"))
    [(0.51, '>', 0.3), (0.51, '<', 0.7)]
    >>> list(comparisons("(0.03 / 4) <= 0.01"))
    [(0.0075, '<=', 0.01)]
    """
    found = _COMPARISON.match(text)
    if not found:
        return
    left, sign, middle, second, right = found.groups()
    if second is None:
        yield _value(left), sign, _value(middle)
        return
    yield _value(middle), _OTHER[sign], _value(left)
    yield _value(middle), second, _value(right)


def _value(term: str) -> float:
    plain = term.removeprefix("np.float64").strip("()")
    left, _, rest = plain.partition(" ")
    if not rest:
        return float(left)
    sign, right = rest.split(" ")
    return float(_BINARY[sign](float(left), float(right)))


def margin(values: Sequence[float], sign: str, bounds: Sequence[float]) -> Margin:
    """Return how far values lie from their bounds, and how probable it is that the next breaks it.

    >>> margin([0.9, 0.9, 0.9], ">", [0.8, 0.8, 0.8]).chance
    0.0
    >>> round(margin([0.7, 0.8, 0.9], ">", [0.8, 0.8, 0.8]).chance, 3)
    0.5
    """
    direction = 1 if sign in (">", ">=") else -1
    distance = direction * (np.asarray(values) - np.asarray(bounds))
    n, mean = len(distance), float(distance.mean())
    deviation = float(distance.std(ddof=1)) if n > 1 else math.nan
    if deviation < 1e-12:
        chance = float(mean < 0)
    else:
        chance = float(stats.t.sf(mean / (deviation * math.sqrt(1 + 1 / n)), n - 1))
    value, bound = float(np.mean(values)), float(np.mean(bounds))
    return Margin(n, value, bound, deviation, float(distance.min()), chance)


def _note(test: str, line: int, text: str) -> None:
    lines = [
        json.dumps([test, line, value, sign, bound]) for value, sign, bound in comparisons(text)
    ]
    if lines:
        with Path(os.environ[FILE]).open("a") as file:
            file.write("\n".join(lines) + "\n")


def pytest_assertion_pass(item: pytest.Item, lineno: int, orig: str, expl: str) -> None:
    """Write down what a passing assertion compared; those of hypothesis are no measurements."""
    if not hasattr(getattr(item, "obj", None), "hypothesis"):
        _note(item.nodeid, lineno, expl)


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Write down what a failing assertion compared."""
    if call.excinfo is not None and call.excinfo.errisinstance(AssertionError):
        places = [each for each in call.excinfo.traceback if each.path == item.path]
        text = str(call.excinfo.value).removeprefix("assert ")
        _note(item.nodeid, places[-1].lineno + 1 if places else 0, text)


def _read(path: Path) -> dict[tuple[str, int, str], list[Measured]]:
    found: dict[tuple[str, int, str], list[Measured]] = defaultdict(list)
    for text in path.read_text().splitlines() if path.exists() else ():
        measured = Measured(*json.loads(text))
        found[measured.test, measured.line, measured.sign].append(measured)
    return found


def _print(path: Path) -> None:
    rows = []
    for (test, line, sign), found in _read(path).items():
        if len(found) > 1:
            got = margin([one.value for one in found], sign, [one.bound for one in found])
            rows.append((got, f"{test}:{line}", sign))
    print(f"{'P(fails)':>9} {'value':>9}   {'bound':>9} {'sd':>8} {'least':>9} {'n':>4}  test")
    for got, test, sign in sorted(rows, key=lambda row: -row[0].chance):
        mark = "" if got.chance < SOUND else "  <- not sound"
        print(
            f"{got.chance:9.1e} {got.value:9.4g} {sign:>2} {got.bound:9.4g} {got.deviation:8.2g} "
            f"{got.least:9.2g} {got.n:4d}  {test}{mark}"
        )


def main() -> None:
    """Run the tests over the seeds and print the margins."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("tests", nargs="*", help="files or ids of tests; none: only print --file")
    parser.add_argument("--seeds", type=int, default=20, help="how many root seeds, from --first")
    parser.add_argument("--first", type=int, default=1, help="the first root seed")
    parser.add_argument("--file", type=Path, help="keeps the measurements; later calls add to them")
    options = parser.parse_args()
    path = options.file or Path(tempfile.mkdtemp()) / "margins.jsonl"
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=line"]
    command += ["-p", "benchmarks.margins", "-p", "no:cacheprovider"]
    command += ["-o", "enable_assertion_pass_hook=true", *options.tests]
    # What pytest compiled without the hook, it would read again; so its cache is a fresh one.
    own = {FILE: str(path.resolve()), "PYTHONPYCACHEPREFIX": tempfile.mkdtemp()}
    for seed in range(options.first, options.first + options.seeds) if options.tests else ():
        ran = subprocess.run(
            command,
            env={**os.environ, **own, VARIABLE: str(seed)},
            capture_output=True,
            text=True,
        )
        closing = [line for line in ran.stdout.splitlines() if "FAILED" in line] or ["all passed"]
        print(f"seed {seed}: " + "; ".join(line[:150] for line in closing), flush=True)
    if not _read(path):
        sys.exit("expected comparisons of numbers in these tests, found none")
    _print(path)


if __name__ == "__main__":
    main()
