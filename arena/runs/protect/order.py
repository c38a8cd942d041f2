"""What a person asks for when a model is to be protected, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import Field

from arena.game.sides.defense import Protected
from arena.game.sides.player import PlayerSpec
from arena.world.json_values import Frozen
from arena.world.models import Model
from arena.world.task import Task
from arena.world.training import Recipe


class Limits(Frozen):
    """When a mark has taken.

    Attributes:
        p_value: it verifies at this p or a smaller one.
        max_loss: the most utility that it may cost, on held-out data.
    """

    p_value: float = Field(1e-6, gt=0, lt=1)
    max_loss: float = Field(0.02, ge=0, le=1)


@dataclass(frozen=True, kw_only=True)
class Order:
    """A model to protect, and how.

    Attributes:
        model: the owner's; it is not changed. task: its data, and how utility is measured.
        scheme: by name, with the settings that differ from its defaults.
        seed: the root of the key: a secret.
        limits: when the mark has taken. fine_tuning: how it is embedded; the search sets `epochs`.
        epochs: of fine-tuning, the numbers that are tried, the first first.
        innocents: independent models on which the key is tried. training: how they are trained.
    """

    model: Model
    task: Task
    scheme: PlayerSpec
    seed: int = field(repr=False)
    limits: Limits = field(default_factory=Limits)
    fine_tuning: Recipe = field(default_factory=Recipe)
    epochs: tuple[int, ...] = (3, 10, 30)
    innocents: int = 6
    training: Recipe = field(default_factory=lambda: Recipe(epochs=30))


class Attempt(Frozen):
    """One attempt of the search for a mark.

    Attributes:
        dial, strength: name and value of what was turned; "" where there is nothing to turn.
        epochs: of fine-tuning. p_value: on the marked model. loss: of utility on the validation
            split. taken: whether both are within the limits. reason: the verdict's.
    """

    dial: str
    strength: float
    epochs: int
    p_value: float
    loss: float
    taken: bool
    reason: str = ""

    @property
    def settings(self) -> str:
        """Return what was tried, in words."""
        turned = f"{self.dial} = {self.strength:.4g}, " if self.dial else ""
        return f"{turned}{self.epochs} epochs"

    def __str__(self) -> str:
        return (
            f"tried {self.settings}: p = {self.p_value:.2g}, loss {self.loss:+.3f} ({self.reason})"
        )


class Fidelity(Frozen):
    """What protection cost, on the test split, which nothing was chosen on.

    Attributes:
        before, after: utility in [0, 1]. loss: their difference.
        low, high: its 95 % interval, over the same examples; None where utility is no share of
            right answers.
    """

    before: float
    after: float
    loss: float
    low: float | None = None
    high: float | None = None


class InnocentReading(Frozen):
    """What a key says of an independent model."""

    kind: str
    utility: float
    p_value: float
    accused: bool


class Report(Frozen):
    """What is known of a protected model.

    Attributes:
        scheme: the scheme as it was used. level: the p-value at which it accuses.
        marked_p: on the protected model. unmarked_p: on the model that came in; None for a
            fingerprint, whose model is not changed.
        innocents: independent models. fidelity: what it cost. attempts: all that was tried.
        model: digest of the protected model. commitment: to the key. data: name, and fingerprint.
    """

    scheme: PlayerSpec
    level: float
    marked_p: float
    unmarked_p: float | None
    innocents: tuple[InnocentReading, ...]
    fidelity: Fidelity
    attempts: tuple[Attempt, ...]
    model: str
    commitment: str
    data: str
    data_sha256: str


@dataclass(frozen=True)
class Protection:
    """A protected model, its key, and the report."""

    protected: Protected
    report: Report
