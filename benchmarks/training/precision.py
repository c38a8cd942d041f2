"""What bfloat16 changes: accuracies, verdicts and CPU seconds of one tournament in both precisions.

    OMP_NUM_THREADS=1 python -m benchmarks.training.precision [--data D --model M --epochs N]

The same owners, thieves and seed are played in float32 and under bfloat16 autocast, in one process.
A verdict holds where both say the same of a suspect. Seconds compare only where the CPU multiplies
bfloat16 itself (avx512_bf16 or amx_bf16 in /proc/cpuinfo), which is said; without, torch converts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import get_args

from arena.game.match.steps.step_cache import Setting
from arena.runs.executors import InProcess
from arena.runs.scenario import Scenario, parse_scenario
from arena.runs.tournament import Tournament, open_folder, task_of
from arena.view.results.report import Report, read_report
from arena.world.compute import Compute, Precision
from benchmarks.common import heading, say

_SCENARIO = """
name = "precision"
[task]
data = "{data}"
model = "{model}"
recipe = {{ epochs = {epochs} }}
[innocents]
calibration_same = 1
calibration_other = 1
calibration_odd = 0
reporting_same = 2
reporting_other = 2
reporting_odd = 0
[[owner]]
scheme = "uchida"
[[owner]]
scheme = "adi"
[[thief]]
name = "none"
moves = ["none"]
[[thief]]
name = "prune"
moves = ["prune"]
[[thief]]
name = "ft-al"
moves = ["ft-al"]
[[thief]]
name = "overwrite"
moves = ["overwrite"]
"""
_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")


def instructions() -> str:
    """Return which instructions for bfloat16 the CPU has, in words."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii").split()
    except OSError:
        return "unknown on this system"
    return ", ".join(name for name in _INSTRUCTIONS if name in flags) or "none"


def played(scenario: Scenario, precision: Precision, out: Path) -> tuple[Report, float]:
    """Play a tournament into a folder; return what came out and its CPU seconds."""
    started = time.process_time()
    store, ledger = open_folder(out)
    with closing(ledger):
        task = task_of(scenario, Compute("cpu", precision))
        tournament = Tournament(scenario, task, store, ledger, lambda _: None)
        tournament.run(InProcess(store, Setting(out.parent / "cache")))
        return read_report(ledger), time.process_time() - started


def compare(plain: Report, short: Report) -> None:
    """Print both accuracies, statistics and verdicts of every match and of the innocents."""
    say(f"{'match':24} {'utility':>15} {'statistic':>15} {'p-value':>17}  verdict")
    holds = []
    for one, other in zip(plain.finals, short.finals, strict=True):
        holds.append(one.caught == other.caught)
        say(f"{one.match:24} {one.utility:7.4f} {other.utility:7.4f} {one.statistic:7.3f} "
            f"{other.statistic:7.3f} {one.p_value:8.1e} {other.p_value:8.1e}  "
            f"{'copy' if one.caught else 'no copy'}{'' if holds[-1] else ', other in bfloat16'}"
            )  # fmt: skip
    same = [a.caught == b.caught for a, b in zip(plain.innocents, short.innocents, strict=True)]
    say(f"verdicts that hold: {sum(holds)} of {len(holds)} suspects, "
        f"{sum(same)} of {len(same)} innocents")  # fmt: skip


def main() -> None:
    """Play in both precisions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--model", default="cnn8")
    parser.add_argument("--epochs", type=int, default=10)
    asked = parser.parse_args()
    heading("float32 and bfloat16", 1)
    say(f"instructions for bfloat16: {instructions()}")
    scenario = parse_scenario(_SCENARIO.format(**vars(asked)), Path())
    with tempfile.TemporaryDirectory() as folder:
        found = {name: played(scenario, name, Path(folder) / name) for name in get_args(Precision)}
    compare(found["float32"][0], found["bfloat16"][0])
    for name, (_, seconds) in found.items():
        say(f"{name}: {seconds:.1f} s of CPU")


if __name__ == "__main__":
    main()
