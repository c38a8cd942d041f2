"""What a person sees while a tournament is played: boards, all with the same few methods."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from arena.runs.tournament import Event
from arena.view.progress.heartbeat import EVERY_S, Heartbeat, UnderWay, seconds_since

_SHOWN = 8  # running steps that are told by name
_SMOOTH_S = 600.0  # steps differ in length: the pace is the mean over this long


class Board(Protocol):
    """Hears of everything that happens; a context, so that a display is taken down again."""

    def __call__(self, event: Event) -> None:
        """Take note of an event of the tournament."""

    def heard(self, digest: str, n_done: int, n_total: int) -> None:
        """Take note of the progress of a running step."""

    def standings(self, table: Callable[[], RenderableType]) -> None:
        """Show new standings; `table` is called only by boards that show them."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *error: object) -> None:
        """End."""


class NullBoard:
    """Shows nothing."""

    def __call__(self, event: Event) -> None:
        """Take no note."""

    def heard(self, digest: str, n_done: int, n_total: int) -> None:
        """Take no note."""

    def standings(self, table: Callable[[], RenderableType]) -> None:
        """Show nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass


class PlainBoard(NullBoard):
    """Writes one line for each finished match, and where a run stands: for files, pipes and CI.

    Args:
        console: where. every_s: seconds without a line before the board says what is under way.
    """

    def __init__(self, console: Console, every_s: float = EVERY_S) -> None:
        self._console = console
        self._running: dict[str, UnderWay] = {}
        self._n_done = self._n_total = 0
        self._began = time.monotonic()
        self._heartbeat = Heartbeat(self._beat, every_s)

    def __enter__(self) -> Self:
        self._heartbeat.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._heartbeat.__exit__(*error)

    def __call__(self, event: Event) -> None:
        """Write down the beginning and every match that this run finished."""
        self._n_done, self._n_total = event.n_done, event.n_total
        if event.kind == "planned":
            noun = "step" if event.n_total == 1 else "steps"
            self._say(f"{event.title}: {event.n_total or 'no'} {noun} to make")
        elif event.kind == "began":
            self._running[event.digest] = UnderWay(event.title)
        elif event.kind == "ended":
            self._running.pop(event.digest, None)
        elif event.n_done:
            self._say(f"[{event.n_done}/{event.n_total}] {event.title}: {said(event)}")

    def heard(self, digest: str, n_done: int, n_total: int) -> None:
        """Take note of how much of a running step is done, for when it is asked."""
        if digest in self._running and n_total:
            self._running[digest].share = n_done / n_total

    def _beat(self) -> None:
        """Say how many steps are made, in what time, and which are being made."""
        running = [str(step) for step in list(self._running.values())]
        more = [f"{len(running) - _SHOWN} more"] if len(running) > _SHOWN else []
        steps = "; ".join((*running[:_SHOWN], *more)) or "between two steps"
        self._say(f"[{self._n_done}/{self._n_total}] {seconds_since(self._began)} so far: {steps}")

    def _say(self, line: str) -> None:
        self._heartbeat.put_off()
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def said(event: Event) -> str:
    """Return how a match ended in a few words."""
    return event.status if event.payoff is None else f"pay-off {event.payoff:.3f}"


class _Made(ProgressColumn):
    """How many steps are made, as whole numbers though the bar moves within steps."""

    def render(self, task: Task) -> Text:
        """Return `12/40 steps`."""
        return Text(f"{task.fields['n_made']}/{int(task.total or 0)} steps")


@dataclass
class _Running:
    """A step that is being made, and its line where it has one."""

    title: str
    line: TaskID | None
    share: float = 0.0


@dataclass
class _Lines:
    overall: Progress = field(
        default_factory=lambda: Progress(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(bar_width=None),
            _Made(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            speed_estimate_period=_SMOOTH_S,
            expand=True,
        )
    )
    steps: Progress = field(
        default_factory=lambda: Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
        )
    )


class RichBoard:
    """Draws bars for the tournament and for each running step, and the standings under them."""

    def __init__(self, console: Console) -> None:
        self._lines = _Lines()
        self._running: dict[str, _Running] = {}
        self._n_made = 0
        self._table: RenderableType = Text()
        self._all = self._lines.overall.add_task("", total=None, n_made=0)
        self._live = Live(console=console, transient=True, refresh_per_second=5)
        self._live.update(self._picture())

    def _picture(self) -> RenderableType:
        return Group(self._lines.overall, self._lines.steps, self._table)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        """Move the bars; a match that failed stays on the screen as a line."""
        self._n_made = event.n_done
        if event.kind == "planned":
            self._lines.overall.update(self._all, description=event.title)
        elif event.kind == "began":
            self._begin(event)
        elif event.kind == "ended":
            self._end(event.digest)
        elif event.status != "OK":
            line = Text(f"{event.title}: {event.status}", style="yellow")
            self._live.console.print(line)
        self._move(event.n_total)

    def _begin(self, event: Event) -> None:
        line = None
        if len(self._running) < _SHOWN:
            line = self._lines.steps.add_task(event.title, total=1)
        self._running[event.digest] = _Running(event.title, line)

    def _end(self, digest: str) -> None:
        running = self._running.pop(digest, None)
        if running is not None and running.line is not None:
            self._lines.steps.remove_task(running.line)

    def _move(self, n_total: int | None = None) -> None:
        made = self._n_made + sum(running.share for running in self._running.values())
        n_made = self._n_made
        self._lines.overall.update(self._all, completed=made, total=n_total, n_made=n_made)

    def heard(self, digest: str, n_done: int, n_total: int) -> None:
        """Move the bar of a running step."""
        running = self._running.get(digest)
        if running is None or not n_total:
            return
        running.share = n_done / n_total
        if running.line is not None:
            self._lines.steps.update(running.line, completed=running.share)
        self._move()

    def standings(self, table: Callable[[], RenderableType]) -> None:
        """Draw new standings under the bars."""
        self._table = table()
        self._live.update(self._picture())


def choose_board(console: Console) -> Board:
    """Return the board for a console: drawn on a terminal, lines elsewhere."""
    return RichBoard(console) if console.is_terminal else PlainBoard(console)
