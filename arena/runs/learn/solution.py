"""The solution of a scenario: how it was found, who plays in it, and what scripts are worth beside.

It is written as JSON; nothing in it is run.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from arena.errors import StoreError
from arena.runs.learn.double_oracle import (
    DoubleOracle,
    Heard,
    Iteration,
    worst_case_of,
    worst_cases,
)
from arena.runs.tournament import versions
from arena.world.files.atomic_write import write_whole
from arena.world.json_values import Frozen

SCHEMA = "arena/solution-1"
FILE = "solution.json"


class Solution(Frozen):
    """What the double oracle found.

    Attributes:
        scenario: its name. seed: its seed. epsilon: what a side may still gain.
        converged: whether neither side gains more. iterations: of the double oracle.
        worst_case: what the last mixture of thieves takes from the owner who holds best.
        scripted: the same of each thief as the scenario has it.
        unfit: owners left out, and why. n_cells: of the whole menu.
        seconds: the clock's, of this run. versions: of what computed it.
    """

    scenario: str
    seed: int
    epsilon: float
    converged: bool
    iterations: tuple[Iteration, ...]
    worst_case: float
    scripted: dict[str, float]
    unfit: dict[str, str]
    n_cells: int
    seconds: float
    versions: dict[str, str]

    @property
    def last(self) -> Iteration:
        """Return the iteration whose mixtures are the solution."""
        return self.iterations[-1]


def solve(oracle: DoubleOracle, scripted: tuple[str, ...], most: int, heard: Heard) -> Solution:
    """Run the double oracle, and compare its thieves with the scripted ones.

    Args:
        oracle: over the menu of a scenario.
        scripted: the thieves as the scenario has them.
        most: iterations at most.
        heard: told of every iteration.

    Raises:
        ScenarioError: no owner may win.
    """
    started, table = time.monotonic(), oracle.table
    iterations = []
    for number, found in enumerate(oracle.iterations(most), start=1):
        iterations.append(found)
        heard(number, found)
    compared = worst_cases(table, scripted)
    worst = worst_case_of(table, iterations[-1].thieves)
    table.play_all_again()
    return Solution(
        scenario=table.menu.name,
        seed=table.menu.seed,
        epsilon=oracle.epsilon,
        converged=not iterations[-1].added,
        iterations=tuple(iterations),
        worst_case=worst,
        scripted=compared,
        unfit=table.unfit,
        n_cells=table.n_cells[1],
        seconds=round(time.monotonic() - started, 1),
        versions=versions(),
    )


def write_solution(folder: Path, solution: Solution) -> None:
    """Write a solution into a folder; the schema comes first.

    Raises:
        StoreError: it cannot be written.
    """
    text = json.dumps({"schema": SCHEMA, **solution.plain()}, indent=1, allow_nan=False)
    try:
        write_whole(folder / FILE, text.encode() + b"\n")
    except OSError as error:
        raise StoreError(f"{folder / FILE} cannot be written ({error.strerror})") from error
