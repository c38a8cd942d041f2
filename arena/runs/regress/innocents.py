"""Whom a key accuses wrongly: its verdicts on models that it has nothing to do with."""

from __future__ import annotations

from dataclasses import dataclass

from arena.game.court.statistics import binomial_tail, proportion_interval
from arena.game.match.steps.step_cache import Memo, Setting
from arena.game.sides.suspect import Suspect
from arena.runs.protect.innocents import halves, train_innocent
from arena.runs.protect.order import Order
from arena.runs.protect.verify import verify
from arena.runs.regress.subject import OwnedSubject
from arena.world.one_thread import one_thread
from arena.world.task import load_task
from arena.world.training import Recipe


@dataclass(frozen=True)
class FalsePositives:
    """How many of n innocents a key accused."""

    accused: int
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        """Return the exact 95 % interval of the rate (Clopper and Pearson 1934)."""
        return proportion_interval(self.accused, self.n)

    def p_of_at_most(self, rate: float) -> float:
        """Return the probability of so many, or more, were the rate this one."""
        return binomial_tail(self.accused, self.n, rate)


def false_positives(
    subject: OwnedSubject, n: int, epochs: int, memo: Memo, setting: Setting
) -> FalsePositives:
    """Train innocents, and let the key say of each whether it is a copy."""
    task, scheme = load_task(subject.task, setting.cache), subject.owned.about.defense
    order = Order(
        model=subject.victim,
        task=task,
        scheme=subject.owned.about.scheme,
        seed=0,
        innocents=n,
        training=Recipe(epochs=epochs),
    )
    accused = 0
    with one_thread():
        for i, half in enumerate(halves(scheme.accuses, n)):
            innocent = train_innocent(order, "regress", i, half, memo, setting.progress)
            verdict = verify(subject.owned, Suspect.bare(innocent.model, task.compute))
            accused += verdict.is_copy
    return FalsePositives(accused, n)
