"""Points as functions of figures: what a round, and an owner's honesty, are worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field, field_validator, model_validator

from arena.errors import did_you_mean
from arena.game.match.rows import RoundRow
from arena.game.rules.figures import LEAST_P, figures, values
from arena.world.json_values import Frozen

FALSE_POSITIVES = "false_positives"
"""The share of the referee's innocents that an owner accuses: no figure of a single round."""


def known_figures() -> frozenset[str]:
    """Return the names of everything that points can be given for."""
    numbers = {name for name, figure in figures(RoundRow).items() if figure.says}
    return frozenset(numbers | {FALSE_POSITIVES})


class Rule(Frozen):
    """Points for one figure: none at one value, all at another, a straight line between.

    Points below 0 are a penalty. A round without the figure earns nothing, and has the whole of a
    penalty.
    """

    says: str
    figure: str
    none: float  # the value that is worth nothing
    full: float  # the value that is worth all points
    points: float
    log: bool = False  # the line is straight in the logarithm of the figure
    unless: str = ""  # a figure of 0 or 1: where it is 1 the rule gives nothing

    @field_validator("figure", "unless")
    @classmethod
    def _is_known(cls, figure: str) -> str:
        known = known_figures()
        if figure and figure not in known:
            raise ValueError(f"a figure that is recorded{did_you_mean(figure, known)}")
        return figure

    @model_validator(mode="after")
    def _has_a_slope(self) -> Rule:
        if self.none == self.full:
            raise ValueError(f"two values for {self.figure}, `none` and `full`; make them differ")
        return self

    def worth(self, round_: Mapping[str, float | None]) -> float:
        """Return the share in [0, 1] of the points that a round's figures earn."""
        if self.unless and round_[self.unless]:
            return 0.0
        return self.share(round_[self.figure])

    def share(self, value: float | None) -> float:
        """Return the share in [0, 1] of the points that a value earns.

        >>> rule = Rule(says="useful", figure="kept", none=0.5, full=0.9, points=4)
        >>> [round(rule.share(kept), 3) for kept in (0.4, 0.7, 1.0, None)]
        [0.0, 0.5, 1.0, 0.0]
        """
        if value is None or math.isnan(value):
            return 1.0 if self.points < 0 else 0.0
        low, high, at = (self._scaled(number) for number in (self.none, self.full, value))
        return min(1.0, max(0.0, (at - low) / (high - low)))

    def _scaled(self, number: float) -> float:
        return math.log10(max(number, LEAST_P)) if self.log else number


@dataclass(frozen=True)
class Earned:
    """What a rule gave for the rounds of one part: `points` of `most`, and why."""

    rule: Rule
    points: float
    most: float
    why: str


def figures_of(row: RoundRow, accused: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return what points can be given for, of one round; nothing of a round without a score.

    Args:
        row: the last round of a match.
        accused: the share of innocents that each owner accuses, by its name.
    """
    found: dict[str, float | None] = {FALSE_POSITIVES: accused.get(row.owner)}
    numbers = values(row) if row.scored else {}
    for name in known_figures() - {FALSE_POSITIVES}:
        value = numbers.get(name)
        found[name] = float(value) if isinstance(value, int | float) else None
    return found


def earned(rule: Rule, share: float, rounds: Sequence[Mapping[str, float | None]]) -> Earned:
    """Return what a rule gives for the rounds of a part: the mean of what each is worth.

    Args:
        rule: the rule.
        share: the share of its points that this part gives, in [0, 1].
        rounds: the figures of each match's last round.
    """
    most = rule.points * share
    nothing = dict.fromkeys((rule.figure, rule.unless))
    found = list(rounds) or [nothing]
    worth = sum(map(rule.worth, found)) / len(found)
    listed = ", ".join(_said(rule, round_) for round_ in found)
    scale = f"nothing at {rule.none:g}, all at {rule.full:g}"
    return Earned(rule, round(most * worth, 4) + 0.0, most, f"{rule.figure}: {listed} ({scale})")


def _said(rule: Rule, round_: Mapping[str, float | None]) -> str:
    value = round_[rule.figure]
    said = "none" if value is None else f"{value:.4g}"
    return f"{said} but {rule.unless}" if rule.unless and round_[rule.unless] else said


class Part(Frozen):
    """One of the two parts of an assignment: what students can try, and what they cannot."""

    name: str
    seed: int = Field(ge=0, lt=2**63)
    share: float = Field(ge=0, le=1)  # of all points
