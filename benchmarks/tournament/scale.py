"""What a cell of the control thief costs in a small and in a large tournament.

    OMP_NUM_THREADS=1 python -m benchmarks.tournament.scale --cells 100 --views
    OMP_NUM_THREADS=1 python -m benchmarks.tournament.scale --cells 1000
    OMP_NUM_THREADS=1 python -m benchmarks.tournament.scale --cells 300 --grown 100

Owners without a scheme against thieves that return the victim unchanged: a cell is a round and its
judgement, so what is measured is what the arena adds. One process; seconds are of CPU, as the
machine may have other work. Steps are timed apart from all that keeps order: plan, queue, ledger.
`--grown N` draws the views of a tournament of N owners and N thieves with these cells in turn.
Bars: 10,000 cells in 10 minutes, 1.5 GB, 50 kB of store a cell beyond weights.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from contextlib import closing
from pathlib import Path

from arena.game.match.steps.step_cache import Setting, Step
from arena.runs.executors import InProcess, Outcome
from arena.runs.scenario import Scenario, parse_scenario
from arena.runs.tournament import Tournament, open_folder, task_of
from arena.view.results.refresh import refresh_views
from arena.view.results.report import Report, read_report
from arena.world.compute import Compute
from benchmarks.common import heading, say
from benchmarks.tournament.page import grown

_TASK = """
name = "scale"
[task]
data = "digits"
model = "mlp"
recipe = { epochs = 2 }
[innocents]
calibration_same = 0
calibration_other = 0
calibration_odd = 0
reporting_same = 1
reporting_other = 1
reporting_odd = 0
"""


def scenario(n_cells: int) -> Scenario:
    """Return a tournament of so many cells, with ten owners, or with a hundred from 10,000 on."""
    n_owners = 10 if n_cells < 10_000 else 100
    owners = (f'[[owner]]\nscheme = "none"\nname = "o{i}"\n' for i in range(n_owners))
    thieves = (f'[[thief]]\nname = "t{i}"\nmoves = ["none"]\n' for i in range(n_cells // n_owners))
    return parse_scenario(_TASK + "".join(owners) + "".join(thieves), Path())


class Timed(InProcess):
    """Says how much of the CPU went into steps."""

    seconds = 0.0
    n_steps = 0

    def finished(self) -> list[Outcome]:
        """Make the next step."""
        started = time.process_time()
        outcomes = super().finished()
        self.seconds += time.process_time() - started
        return outcomes

    def submit(self, step: Step) -> None:
        """Put a step in line."""
        self.n_steps += 1
        super().submit(step)


def measure(n_cells: int, out: Path, *, views: bool, n_grown: int = 0) -> None:
    """Play a tournament in a folder and say what it took."""
    played = scenario(n_cells)
    started = time.process_time()
    store, ledger = open_folder(out)
    with closing(ledger):
        executor = Timed(store, Setting(out / "cache"))
        tournament = Tournament(played, task_of(played, Compute()), store, ledger, lambda _: None)
        tournament.run(executor)
        whole_s = time.process_time() - started
        report = read_report(ledger)
    say(f"{n_cells} cells, {executor.n_steps} steps: {whole_s:.1f} s of CPU")
    say(f"  a cell: {whole_s / n_cells * 1e3:.1f} ms, "
        f"of it steps {executor.seconds / n_cells * 1e3:.1f} ms")  # fmt: skip
    say_sizes(out, n_cells)
    if views:
        draw(report, out, n_cells)
    if n_grown:
        draw(grown(report, n_grown), out / "grown", n_grown**2)
    say(f"  most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


def say_sizes(out: Path, n_cells: int) -> None:
    """Say what a cell takes on the disk; a file takes whole blocks there."""
    files = [path for path in (out / "artefacts").rglob("*") if path.is_file()]
    parts = [path for path in files if path.suffix != ".done" and path.parent.name != "locks"]
    weights = sum(weights_in(path) for path in parts)
    beyond = sum(path.stat().st_size for path in files) - weights
    blocks = sum(path.stat().st_blocks * 512 for path in files) - weights
    ledger = sum(path.stat().st_size for path in out.glob("ledger.sqlite*"))
    say(f"  a cell: {len(files) / n_cells:.1f} files, {weights / n_cells / 1e3:.0f} kB of weights, "
        f"{beyond / n_cells / 1e3:.1f} kB beyond them, in blocks of the disk "
        f"{blocks / n_cells / 1e3:.0f} kB; {ledger / n_cells / 1e3:.1f} kB of ledger")  # fmt: skip


def weights_in(part: Path) -> int:
    """Return the bytes of tensors in a part: a safetensors file, whose first 8 bytes say where."""
    with part.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    return part.stat().st_size - 8 - header


def draw(report: Report, out: Path, n_cells: int) -> None:
    """Draw a tournament's views and say what they took."""
    out.mkdir(exist_ok=True)
    started = time.process_time()
    refresh_views(report, out)
    took_s = time.process_time() - started
    say(f"  {n_cells} cells: {took_s:.0f} s of figures and event files, "
        f"{took_s / n_cells * 1e3:.1f} ms a cell")  # fmt: skip


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100)
    parser.add_argument("--views", action="store_true", help="draw figures and event files too")
    parser.add_argument("--grown", type=int, default=0, metavar="N", help="views of N x N cells")
    asked = parser.parse_args()
    heading("Cells of the control thief in one process", 1)
    with tempfile.TemporaryDirectory() as folder:
        measure(asked.cells, Path(folder), views=asked.views, n_grown=asked.grown)


if __name__ == "__main__":
    main()
