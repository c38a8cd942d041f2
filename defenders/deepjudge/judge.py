"""The judge: from distances to votes, p-values, the verdict, and the numbers of the radar chart.

Two decisions stand side by side. The paper's rule: a metric votes "copy" at or below tau = alpha *
LB, LB being a one-sided lower confidence bound of the mean of the innocents; a majority decides. It
does not control how often an innocent is accused, so the verdict rests on p-values: of each metric
against the calibration innocents, combined so that the level holds however the metrics depend on
each other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from arena.game.court.evidence import Evidence, MetricEvidence
from defenders.deepjudge.calibration import Calibration
from defenders.deepjudge.scheme.metrics import METRICS

Needed = Literal["any", "majority"]


def combined_p_value(p_values: Sequence[float], needed: Needed = "majority") -> float:
    """Return a p-value for "that many metrics call it a copy", valid under any dependence.

    The r-th smallest of k p-values times k / r (Rueger 1978): r = 1 is Bonferroni's rule; with r a
    majority it is the level at which a majority vote turns.

    >>> combined_p_value([0.01, 0.02, 0.5]), combined_p_value([0.01, 0.02, 0.5], "any")
    (0.03, 0.03)
    """
    if not p_values:
        return 1.0
    r = n_needed(len(p_values), needed)
    return min(1.0, len(p_values) / r * sorted(p_values)[r - 1])


def n_needed(n_metrics: int, needed: Needed) -> int:
    """Return how many of the metrics must speak for a copy."""
    return 1 if needed == "any" else n_metrics // 2 + 1


@dataclass(frozen=True)
class Comparison:
    """The evidence of one metric: the suspect's distance beside those of innocents.

    `utility` is the suspect's, None where it is not known: then all innocents are compared with.
    """

    value: float
    calibration: Calibration
    utility: float | None = None

    @property
    def metric(self) -> str:
        """The name of the metric."""
        return self.calibration.metric

    @property
    def p_value(self) -> float:
        """The probability of a distance as small for one more innocent as useful."""
        return self.calibration.p_value(self.value, self.utility)

    @property
    def vote(self) -> bool:
        """Whether the metric votes "copy"."""
        return self.value <= self.calibration.tau

    @property
    def margin(self) -> float:
        """How far below tau the distance is, as a share of tau; negative above it."""
        tau = self.calibration.tau
        return (tau - self.value) / tau if tau > 0 else 0.0

    @property
    def similarity(self) -> float:
        """1 - value / LB in [0, 1]; of innocents that vary too much for a bound, 0 or 1."""
        bound = self.calibration.bound
        if bound <= 0:
            return float(self.value == 0)
        return min(1.0, max(0.0, 1 - self.value / bound))

    def place(self, level: float) -> float:
        """Return 0.5 + (critical - value) / (2 * mean): at least 0.5 where p <= level."""
        critical = self.calibration.critical(level, self.utility)
        return 0.5 + (critical - self.value) / (2 * self.calibration.mean)

    def report(self) -> MetricEvidence:
        """Return the line for the record."""
        calibration = self.calibration
        return MetricEvidence(
            metric=self.metric,
            value=self.value,
            bound=calibration.bound,
            tau=calibration.tau,
            margin=self.margin,
            vote=self.vote,
            p_value=self.p_value,
            rank_p_value=calibration.rank_p_value(self.value, self.utility),
            n_innocents=len(calibration.known.near(self.utility)),
            similarity=self.similarity,
        )


@dataclass(frozen=True)
class Radar:
    """The numbers of the radar chart: one axis for each metric that applies, in a fixed order.

    Attributes:
        axes: names of the metrics.
        similarities: in [0, 1].
    """

    axes: tuple[str, ...]
    similarities: tuple[float, ...]

    @property
    def area(self) -> float:
        """The area of the chart, sin(2 pi / k) / 2 times the sum of products of neighbours.

        It depends on the order of the axes, and is 0 below three of them.
        """
        s, k = self.similarities, len(self.similarities)
        if k < 3:
            return 0.0
        return 0.5 * math.sin(2 * math.pi / k) * sum(s[i - 1] * s[i] for i in range(k))

    @property
    def mean(self) -> float:
        """The mean of the similarities, which does not depend on their order."""
        return sum(self.similarities) / len(self.similarities) if self.similarities else 0.0


@dataclass(frozen=True)
class JointEvidence:
    """Everything that was found about one suspect.

    Attributes:
        lines: of the metrics that apply, in the fixed order.
        notes: of the others, why they do not: they have no vote.
        needed: how many metrics must speak for a copy.
    """

    lines: tuple[Comparison, ...]
    notes: Mapping[str, str]
    needed: Needed = "majority"

    @property
    def n_votes(self) -> int:
        """How many metrics vote "copy" by the paper's rule."""
        return sum(line.vote for line in self.lines)

    @property
    def p_copy(self) -> float:
        """The share in [0, 1] of votes for "copy"; 0 where nothing applies."""
        return self.n_votes / len(self.lines) if self.lines else 0.0

    @property
    def p_value(self) -> float:
        """The combined p-value."""
        return combined_p_value([line.p_value for line in self.lines], self.needed)

    def similarity(self, level: float) -> float:
        """Return one number that reaches 0.5 where the p-value reaches `level`.

        Of the metrics' places, as many as the rule needs are at least this.
        """
        if not self.lines:
            return 0.0
        k, r = len(self.lines), n_needed(len(self.lines), self.needed)
        return sorted((line.place(level * r / k) for line in self.lines), reverse=True)[r - 1]

    @property
    def radar(self) -> Radar:
        """The numbers of the radar chart."""
        axes = tuple(line.metric for line in self.lines)
        return Radar(axes, tuple(line.similarity for line in self.lines))

    def report(self) -> Evidence:
        """Return everything for the record."""
        radar = self.radar
        return Evidence(
            metrics=tuple(line.report() for line in self.lines),
            silent=self.notes,
            p_copy=self.p_copy,
            p_value=self.p_value,
            area=radar.area,
            mean=radar.mean,
        )


def judge(
    values: Mapping[str, float],
    calibrations: Mapping[str, Calibration],
    notes: Mapping[str, str],
    needed: Needed = "majority",
    utility: float | None = None,
) -> JointEvidence:
    """Return the evidence: measured values beside what innocents show.

    Args:
        values: the distances that could be measured, by metric.
        calibrations: what the innocents show, by metric.
        notes: for metrics that could not be measured, why.
        needed: how many metrics the p-value needs.
        utility: the suspect's, in [0, 1]; None where it is not known.
    """
    lines, absent = [], {}
    for metric in METRICS:
        calibration = calibrations.get(metric)
        if metric not in values:
            absent[metric] = notes.get(metric, "there are no tests for it")
        elif not math.isfinite(values[metric]):
            absent[metric] = "the suspect's answers are not finite"
        elif calibration is None or not calibration.tells:
            absent[metric] = "too few innocents to compare with, or all at one distance"
        else:
            lines.append(Comparison(values[metric], calibration, utility))
    return JointEvidence(tuple(lines), absent, needed)
