"""Samples and experiments made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from arena.runs.experiment import Experiment, ExperimentClaim, Series
from arena.view.reproduce.samples import Measured, MetricReading, Sample

TAU = 0.5


def sample(
    name: str, values: Mapping[str, float], kind: str = "copy", owner: str = "judge", **more: Any
) -> Sample:
    """Return a sample whose readings vote copy below 0.5."""
    readings = {
        metric: MetricReading(value, TAU, value <= TAU, max(0.0, 1 - value))
        for metric, value in values.items()
    }
    fields = {"repeat": 0, "utility": 0.9, "columns": {"images_queried": 10.0}, **more}
    return Sample(name=name, kind=kind, owner=owner, readings={"all": readings}, **fields)


def experiment(
    figure: str = "strips", metrics: Sequence[str] = ("RobD",), **more: Any
) -> Experiment:
    """Return an experiment."""
    fields = {"number": 1, "title": "An experiment", "figure": figure, "metrics": metrics, **more}
    return Experiment.model_validate(fields)


def findings(
    copies: Sequence[float], innocents: Sequence[float], metric: str = "RobD", **more: Any
) -> Measured:
    """Return findings in one metric: copies c0, c1, ..., innocents of both kinds in turn."""
    samples = [sample(f"c{i}", {metric: value}) for i, value in enumerate(copies)]
    samples += [
        sample(f"Neg-{i % 2 + 1} {i}", {metric: value}, kind=f"Neg-{i % 2 + 1}")
        for i, value in enumerate(innocents)
    ]
    return Measured(experiment(metrics=(metric,), **more), samples)


def claim(test: str, **more: Any) -> ExperimentClaim:
    """Return a claim to be put to a test."""
    return ExperimentClaim.model_validate({"text": "so it is", "test": test, **more})


def series(n: int, **more: Any) -> Series:
    """Return a series of the copies c0, c1, ... with degrees 1, 2, ..."""
    fields = {
        "title": "more and more",
        "axis": "degree",
        "members": [f"c{i}" for i in range(n)],
        "degrees": [i + 1 for i in range(n)],
    }
    return Series.model_validate({**fields, **more})
