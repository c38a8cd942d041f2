"""From the rows of a ledger to samples: a model and what each metric shows of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from arena.game.court.evidence import evidence_of
from arena.game.match.rows import InnocentRow, RoundRow
from arena.game.rules.figures import Figure, values
from arena.runs.experiment import Experiment, Part, Series
from arena.view.results.report import Report

UTILITY, LOG_P = "utility", "log10 p"
"""Metrics that every verdict has beside its own."""
AREA_SHARE = "area share"
"""The area of the radar chart as a share of the whole one's; `Evidence.area` is the area itself."""


@dataclass(frozen=True)
class MetricReading:
    """What one metric shows of a model.

    Attributes:
        value: its distance, or another statistic.
        line: where the decision turns: tau, or a verdict's threshold; NaN where nothing is decided.
        is_copy: the metric's vote; None where it has none.
        similarity: 1 - value / bound in [0, 1], NaN where a scheme gives none.
    """

    value: float
    line: float
    is_copy: bool | None
    similarity: float = math.nan


Readings = Mapping[Part, Mapping[str, MetricReading]]


@dataclass(frozen=True)
class Sample:
    """A model and what was measured on it.

    Attributes:
        name: the thief's name, or the innocent's kind and number.
        kind: "copy", "Neg-1", "Neg-2" or an architecture.
        owner: whose model it was compared with; of a merged sample the first one's.
        readings: part of the tests -> metric -> reading.
        utility: accuracy in [0, 1], NaN where it is not known.
        columns: further numbers of the ledger's row.
        note: why there is no reading.
    """

    name: str
    kind: str
    owner: str
    repeat: int
    readings: Readings
    utility: float
    columns: Mapping[str, float]
    note: str = ""

    @property
    def is_copy(self) -> bool:
        """Whether a thief made it."""
        return self.kind == "copy"

    @property
    def title(self) -> str:
        """The name, and which repeat it is after the first."""
        return f"{self.name} (repeat {self.repeat + 1})" if self.repeat else self.name

    def get(self, metric: str, part: Part = "all") -> MetricReading | None:
        """Return the reading of a metric, None where it does not apply."""
        return self.readings.get(part, {}).get(metric)


def samples_of(report: Report) -> list[Sample]:
    """Return every model of a tournament once for each owner, innocents last."""
    return [*map(_copy, report.finals), *map(_innocent, report.innocents)]


def merged(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples of one model, or of one thief against several owners, as one.

    Where two owners measure the same metric, the first one's reading stays.
    """
    found: dict[tuple[str, str, int], Sample] = {}
    for sample in samples:
        key = (sample.kind, sample.name, sample.repeat)
        first = found.setdefault(key, sample)
        found[key] = replace(first, readings=_joined(sample.readings, first.readings))
    return list(found.values())


def _joined(later: Readings, first: Readings) -> Readings:
    parts = {**later, **first}
    return {part: {**later.get(part, {}), **first.get(part, {})} for part in parts}


def _copy(row: RoundRow) -> Sample:
    known = values(row).items()
    return Sample(
        name=row.thief,
        kind="copy",
        owner=row.owner,
        repeat=row.repeat,
        readings=_readings(row) if row.scored else {},
        utility=_number(row.utility),
        columns={name: float(value) for name, value in known if isinstance(value, int | float)},
        note=row.message or row.reason or "",
    )


def _innocent(row: InnocentRow) -> Sample:
    return Sample(
        name=f"{row.kind} {row.number + 1}",
        kind=row.kind,
        owner=row.owner,
        repeat=row.repeat,
        readings=_readings(row),
        utility=_number(row.utility),
        columns={},
        note=row.reason,
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _readings(row: RoundRow | InnocentRow) -> Readings:
    """Return what an owner's verdict says in numbers, each also by the owner's name.

    That is its own statistic, every line of its evidence, the share of the whole radar chart that
    its own one covers (the mean of the products of neighbours: 1 for the victim itself, 0 for a
    model that is as far as innocents in every metric), the logarithm of its p-value, every number
    among its figures; and utility.
    """
    whole = {**_numbers(row), **_statistic(row)}
    found: dict[Part, dict[str, MetricReading]] = {"all": whole}
    for part, evidence in evidence_of(row.figures).items():
        readings = found.setdefault(cast(Part, part), {})
        for one in evidence.metrics:
            readings[one.metric] = MetricReading(one.value, one.tau, one.vote, one.similarity)
        share = _area_share(list(evidence.similarities.values()))
        readings[AREA_SHARE] = MetricReading(share, math.nan, None)
    whole.update({f"{row.owner} {name}": reading for name, reading in [*whole.items()]})
    return found


def _statistic(row: RoundRow | InnocentRow) -> dict[str, MetricReading]:
    if row.statistic is None or not row.statistic_name:
        return {}
    vote = bool(row.caught)
    found = {row.statistic_name: MetricReading(row.statistic, _number(row.threshold), vote)}
    if row.p_value is not None:
        found[LOG_P] = MetricReading(Figure(log=True).drawn(row.p_value), math.nan, vote)
    return found


def _numbers(row: RoundRow | InnocentRow) -> dict[str, MetricReading]:
    numbers = {name: value for name, value in row.figures.items() if isinstance(value, int | float)}
    if row.utility is not None:
        numbers[UTILITY] = row.utility
    return {name: MetricReading(float(v), math.nan, None) for name, v in numbers.items()}


def _area_share(shares: Sequence[float]) -> float:
    if len(shares) < 3:
        return math.nan
    return float(np.mean(np.asarray(shares) * np.roll(shares, 1)))


@dataclass(frozen=True)
class Measured:
    """An experiment and everything that was measured for it."""

    experiment: Experiment
    samples: Sequence[Sample]

    @property
    def copies(self) -> list[Sample]:
        """Return what thieves made."""
        return [sample for sample in self.samples if sample.is_copy]

    @property
    def innocents(self) -> list[Sample]:
        """Return the reporting innocents."""
        return [sample for sample in self.samples if not sample.is_copy]

    def of_owner(self, owner: str) -> Measured:
        """Return what one owner measured."""
        return replace(self, samples=[s for s in self.samples if s.owner == owner])

    def victims(self) -> list[Measured]:
        """Return what was measured for each victim: a repeat trains one anew."""
        repeats = dict.fromkeys(sample.repeat for sample in self.samples)
        return [
            replace(self, samples=[s for s in self.samples if s.repeat == repeat])
            for repeat in sorted(repeats)
        ]

    def owners(self) -> list[str]:
        """Return the owners' names, in order."""
        return list(dict.fromkeys(sample.owner for sample in self.samples))

    def along(self, series: Series, metric: str) -> Iterator[tuple[float, Sample, MetricReading]]:
        """Yield degree, sample and reading of a series, in its order, where there is a reading."""
        for i, name in enumerate(series.members):
            for sample in self.copies:
                reading = sample.get(metric)
                if sample.name == name and reading is not None:
                    degree = series.degrees[i] if series.degrees else sample.columns[series.column]
                    yield degree, sample, reading

    def values(self, metric: str, *, copies: bool, part: Part = "all") -> list[float]:
        """Return a metric's values among copies or innocents, turned so that copies are low."""
        sign = -1.0 if metric in self.experiment.high else 1.0
        found = (s.get(metric, part) for s in (self.copies if copies else self.innocents))
        return [sign * reading.value for reading in found if reading is not None]


def findings_of(experiment: Experiment, report: Report) -> Measured:
    """Return what was measured: by owner for the figure "gaps", else all owners merged."""
    samples = samples_of(report)
    return Measured(experiment, samples if experiment.figure == "gaps" else merged(samples))
