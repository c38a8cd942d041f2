"""What a person sees while a judgement is made: a bar with the time left, or lines."""

from __future__ import annotations

from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from arena.runs.judge.judge import Milestone
from arena.view.progress.heartbeat import EVERY_S, Heartbeat, UnderWay


class Stages(Protocol):
    """Hears of every stage; a context, so that a display is taken down again."""

    def begin(self, stage: Milestone) -> None:
        """Take note of a stage that begins."""

    def within(self, n_done: int, n_total: int) -> None:
        """Take note of progress within the stage."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *error: object) -> None:
        """End."""


class LineStages:
    """Writes a line a stage, and where a long one stands: for files, pipes and CI.

    Args:
        console: where. every_s: seconds without a line before the stage is told again.
    """

    def __init__(self, console: Console, every_s: float = EVERY_S) -> None:
        self._console = console
        self._stage = UnderWay("preparations")
        self._heartbeat = Heartbeat(lambda: self._say(str(self._stage)), every_s)

    def begin(self, stage: Milestone) -> None:
        """Write the stage down."""
        self._stage = UnderWay(f"[{stage.n_done + 1}/{stage.n_total}] {stage.title}")
        self._say(self._stage.title)

    def _say(self, line: str) -> None:
        self._heartbeat.put_off()
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def within(self, n_done: int, n_total: int) -> None:
        """Take note of how much of the stage is done, for when it is asked."""
        self._stage.share = n_done / n_total if n_total else 0.0

    def __enter__(self) -> Self:
        self._heartbeat.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._heartbeat.__exit__(*error)


class BarStages:
    """Draws one bar over all stages, which moves within a stage too."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(bar_width=None),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            expand=True,
        )
        self._bar = self._progress.add_task("", total=None)
        self._n_done = 0

    def begin(self, stage: Milestone) -> None:
        """Move the bar to the stage."""
        self._n_done = stage.n_done
        self._progress.update(
            self._bar, description=stage.title, completed=stage.n_done, total=stage.n_total
        )

    def within(self, n_done: int, n_total: int) -> None:
        """Move the bar within the stage."""
        share = n_done / n_total if n_total else 0.0
        self._progress.update(self._bar, completed=self._n_done + share)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()


def choose_stages(console: Console) -> Stages:
    """Return what shows stages on a console: a bar on a terminal, lines elsewhere."""
    return BarStages(console) if console.is_terminal else LineStages(console)
