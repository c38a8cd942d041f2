"""How long `arena --help` takes to answer.

    python -m benchmarks.help_time

A process of its own for each run, as a person starts it; `python -c pass` beside it says how much
of that is Python's own start. Bar: <= 0.7 s.
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks.common import alternate_s, bar, heading, say

N_RUNS = 15


def main() -> None:
    def answer() -> None:
        code = "from arena.view.cli import main; main()"
        subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, check=True)

    def nothing() -> None:
        subprocess.run([sys.executable, "-c", "pass"], capture_output=True, check=True)

    heading("arena --help", N_RUNS)
    taken_s, start_s = alternate_s(answer, nothing, N_RUNS)
    say(f"Python's own start: {start_s:.2f} s")
    bar("arena --help: seconds", taken_s, 0.7, at_least=False)


if __name__ == "__main__":
    main()
