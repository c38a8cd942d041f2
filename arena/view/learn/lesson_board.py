"""What a person sees while a player learns: a bar or lines, and TensorBoard's curves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from arena.runs.learn.lesson import Heard, Lesson

_FLUSH_S = 10
_LINES = 10  # in the whole of a training, where no bar can be drawn


@contextmanager
def lesson_board(folder: Path, console: Console) -> Iterator[Heard]:
    """Give a listener that draws lessons on a console and writes them for TensorBoard.

    Args:
        folder: of the event files; those of an earlier run there go on.
        console: a terminal gets a bar, anything else a few lines.
    """
    with SummaryWriter(str(folder), flush_secs=_FLUSH_S) as writer, _shown(console) as show:

        def heard(lesson: Lesson) -> None:
            for name, value in lesson.figures.items():
                writer.add_scalar(name if "/" in name else f"learning/{name}", value, lesson.step)
            show(lesson)

        yield heard


@contextmanager
def _shown(console: Console) -> Iterator[Heard]:
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (TextColumn("learning"), BarColumn(bar_width=None), TextColumn("{task.description}"))
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("", total=None)

        def show(lesson: Lesson) -> None:
            bar.update(
                task,
                completed=min(lesson.step, lesson.n_steps),
                total=lesson.n_steps,
                description=words(lesson),
            )

        yield show


class _Lines:
    """Writes a line whenever another part of the steps is done."""

    def __init__(self, console: Console) -> None:
        self._console, self._written = console, 0

    def __call__(self, lesson: Lesson) -> None:
        """Write the lesson down, unless one of the same part was."""
        part = lesson.step * _LINES // lesson.n_steps
        if part > self._written:
            self._written = part
            self._console.print(words(lesson), markup=False, highlight=False, soft_wrap=True)


def words(lesson: Lesson) -> str:
    """Return where a learner stands: `120/500 steps, payoff 0.310, best 0.420`."""
    plain = {name: value for name, value in lesson.figures.items() if "/" not in name}
    said = [f"{name} {value:.3f}" for name, value in plain.items()]
    return ", ".join([f"{lesson.step}/{lesson.n_steps} steps", *said])
