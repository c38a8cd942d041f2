"""How long a tournament will take: a training is timed here, and what is to be made is counted."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from arena.game.match.steps.protect_step import ProtectStep
from arena.game.match.steps.step_cache import Step
from arena.game.match.steps.train_step import TrainStep
from arena.world.models import build
from arena.world.one_thread import one_thread
from arena.world.rng import Rng
from arena.world.task import TaskSpec, load_task
from arena.world.training import Examples, Trainer

WATCHED_S = 1.0
"""How long a training is watched before the rest of it is reckoned."""


@dataclass(frozen=True)
class TimeNeeded:
    """Seconds that steps will take.

    Attributes:
        training_s: of one training of the task's model on this machine.
        least_s: of the trainings and protections alone.
        most_s: where every round, judgement and other step is as long as a training.
    """

    training_s: float
    least_s: float
    most_s: float


def time_needed(steps: Iterable[Step], training_s: float, n_workers: int) -> TimeNeeded:
    """Return between what bounds the time of steps lies, made by so many workers at a time.

    A thief that trains for longer than the victim was trained takes more.
    """
    made = [isinstance(step, TrainStep | ProtectStep) for step in steps]
    share = training_s / max(1, n_workers)
    return TimeNeeded(training_s, sum(made) * share, len(made) * share)


def seconds_of_training(task: TaskSpec, cache: Path | None, watched_s: float = WATCHED_S) -> float:
    """Return how long the task's model is trained on this machine.

    A training is begun, with one thread as in a step, watched for a moment, and given up; what is
    left of it is reckoned.

    Raises:
        ArenaError: the data cannot be read, or the network not be built.
    """
    loaded = load_task(task, cache)
    rng = Rng(0, ("time",))
    model = build(loaded.card, rng.child("initial"))
    watch = Watch(watched_s)
    trainer = Trainer(loaded.compute, progress=watch.see)
    examples = Examples.of(loaded.splits.owner)
    with one_thread(), contextlib.suppress(SeenEnough):
        trainer.train(model, examples, task.recipe, rng.child("training"))
    return watch.seconds()


class SeenEnough(Exception):  # noqa: N818 - no error: the training is given up
    """What is left of a training can be reckoned."""


@dataclass
class Watch:
    """Hears of every step of a training, and stops it when it has seen enough to reckon with.

    The first step warms up (libraries are loaded, kernels chosen) and is not reckoned with.
    """

    watched_s: float
    clock: Callable[[], float] = time.perf_counter
    began: float = field(init=False)
    steps: list[tuple[int, float]] = field(default_factory=list)  # the first and the last
    n_total: int = 0

    def __post_init__(self) -> None:
        self.began = self.clock()

    def see(self, n_done: int, n_total: int) -> None:
        """Take note of a step; raises SeenEnough once the rest can be reckoned."""
        self.n_total = n_total
        self.steps[1:] = [(n_done, self.clock())]
        if len(self.steps) > 1 and self.steps[1][1] - self.steps[0][1] >= self.watched_s:
            raise SeenEnough

    def seconds(self) -> float:
        """Return how long the whole training takes."""
        if len(self.steps) < 2:  # it has one step, or is none of steps, as of a tree
            return self.clock() - self.began
        (n_first, first), (n_last, last) = self.steps
        return (last - first) / (n_last - n_first) * self.n_total


def span_in_words(seconds: Iterable[float]) -> str:
    """Return one duration or some, from shortest to longest, in the unit of the longest.

    >>> span_in_words([95.0])
    '95 seconds'
    >>> span_in_words([4.2, 31.0]), span_in_words([30.0, 400.0]), span_in_words([7e3, 9e4])
    ('4.2 to 31 seconds', '0.5 to 6.7 minutes', '1.9 to 25 hours')
    """
    durations = list(seconds)
    least, most = min(durations), max(durations)
    unit, size = next((unit, size) for unit, size in _UNITS if most < 120 * size or size == 3600)
    low, high = (_short(value / size) for value in (least, most))
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


_UNITS = (("seconds", 1), ("minutes", 60), ("hours", 3600))


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or value == round(value) else f"{value:.2g}"
