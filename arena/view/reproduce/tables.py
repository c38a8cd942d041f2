"""The tables of experiments: a row for each model, or for each owner, as text and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arena.runs.experiment import Part
from arena.view.reproduce.differences import separation
from arena.view.reproduce.samples import UTILITY, Measured, Sample


@dataclass(frozen=True)
class ResultTable:
    """Column names and rows of cells; numbers are rounded only when they are written as text."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | float]]

    def csv(self) -> str:
        """Return the table as CSV, numbers unrounded, an empty cell where there is none."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([["" if _missing(cell) else cell for cell in row] for row in self.rows])
        return text.getvalue()

    def markdown(self) -> str:
        """Return the table as Markdown."""
        lines = [self.columns, ["---"] * len(self.columns)]
        lines += [[_cell(cell) for cell in row] for row in self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _missing(cell: str | float) -> bool:
    return isinstance(cell, float) and math.isnan(cell)


def _cell(cell: str | float) -> str:
    if isinstance(cell, str):
        return cell.replace("|", "/")
    if math.isnan(cell):
        return "-"
    return f"{cell:.0f}" if float(cell).is_integer() and abs(cell) > 1 else f"{cell:.3f}"


def table_of(found: Measured) -> ResultTable:
    """Return the table of an experiment."""
    return _by_owner(found) if found.experiment.figure == "gaps" else _by_model(found)


def _by_model(found: Measured) -> ResultTable:
    own = found.experiment.own_task  # whose utility need not be accuracy
    metrics = [metric for metric in found.experiment.metrics if metric != UTILITY]
    parts: tuple[Part, ...] = ("all",)
    if found.experiment.figure == "parts":
        parts = ("exposed", "held-out")
    asked = any(not series.degrees for series in found.experiment.series)
    columns = ["model", "kind", UTILITY if own else "accuracy", *(["queries"] if asked else [])]
    columns += [m if part == "all" else f"{m} ({part})" for m in metrics for part in parts]
    columns.append("votes")
    rows = []
    for sample in found.samples:
        row: list[str | float] = [sample.title, sample.kind, sample.utility]
        if asked:
            row.append(sample.columns.get("images_queried", math.nan))
        row += [_value(sample, metric, part) for metric in metrics for part in parts]
        rows.append([*row, _votes(sample, metrics, parts[-1])])
    return ResultTable(columns, rows)


def _value(sample: Sample, metric: str, part: Part) -> float:
    reading = sample.get(metric, part)
    return math.nan if reading is None else reading.value


def _votes(sample: Sample, metrics: Sequence[str], part: Part) -> str:
    """Return how many of the metrics that apply vote "copy"."""
    readings = (sample.get(metric, part) for metric in metrics)
    votes = [r.is_copy for r in readings if r is not None and r.is_copy is not None]
    return f"{sum(votes)}/{len(votes)}" if votes else sample.note


def thresholds(found: Measured) -> ResultTable:
    """Return where each metric's decision turns, of each owner."""
    rows: dict[tuple[str, str], float] = {}
    for sample in found.samples:
        for metric in found.experiment.metrics:
            for part, readings in sample.readings.items():
                if (
                    metric in readings
                    and not math.isnan(readings[metric].line)
                    and (part == "all" or found.experiment.figure == "parts")
                ):
                    owner = sample.owner if found.experiment.figure == "gaps" else ""
                    name = metric if part == "all" else f"{metric} ({part})"
                    rows.setdefault((owner, name), readings[metric].line)
    return ResultTable(
        ["owner", "metric", "threshold"], [[*key, line] for key, line in rows.items()]
    )


def _by_owner(found: Measured) -> ResultTable:
    said = {
        owner: f"{series.title} {degree:g}"
        for series in found.experiment.series
        for owner, degree in zip(series.members, series.degrees, strict=True)
    }
    columns = ["judge"]
    for metric in found.experiment.metrics:
        columns += [f"{metric}, {what}" for what in ("copies", "innocents", "gap", "AUC")]
    rows = []
    for owner in found.owners():
        mine = found.of_owner(owner)
        row: list[str | float] = [said.get(owner, owner)]
        for metric in found.experiment.metrics:
            copies, innocents = (mine.values(metric, copies=side) for side in (True, False))
            means = [float(np.mean(v)) if v else math.nan for v in (copies, innocents)]
            row += [*means, means[1] - means[0], separation(copies, innocents)]
        rows.append(row)
    return ResultTable(columns, rows)
