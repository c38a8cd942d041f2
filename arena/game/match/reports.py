"""What the steps of a match report: typed, and JSON only where it is written to the store."""

from __future__ import annotations

from arena.game.court.verdict import Verdict
from arena.game.rules.threat import Spent
from arena.world.json_values import Frozen


class TrainReport(Frozen):
    """The training of one unprotected model.

    Attributes:
        utility: in [0, 1]. meters: what it cost.
        losses: the mean loss of each epoch; none of what learns without epochs.
    """

    utility: float
    meters: Spent
    losses: tuple[float, ...] = ()


class ProtectionReport(Frozen):
    """What protecting a model cost.

    Attributes:
        utility, base_utility: of the released model and of its unprotected twin, in [0, 1].
        base_meters, meters: what training the twin cost, and what protecting cost.
        losses: the mean loss of each epoch of training the released model, where that is known: a
            scheme may train it in a way of its own, or in a process of its own.
    """

    utility: float
    base_utility: float
    base_meters: Spent
    meters: Spent
    losses: tuple[float, ...] = ()

    @property
    def fidelity_loss(self) -> float:
        """Return the utility that protecting the model cost."""
        return self.base_utility - self.utility


class RoundReport(Frozen):
    """A thief's move: the utility in [0, 1] that it can see itself, its seconds, its meters."""

    own_utility: float
    move_s: float
    meters: Spent


class InnocentVerdict(Frozen):
    """An owner's verdict on an innocent of a kind: Neg-1, -2, -3, or an architecture by name."""

    kind: str
    utility: float
    verdict: Verdict


class Innocents(Frozen):
    """An owner's verdicts on every reporting innocent."""

    verdicts: tuple[InnocentVerdict, ...] = ()
