"""Every kind of figure, with everything and with next to nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from arena.runs.experiment import Experiment
from arena.view.figures.experiments import area_share, drawn, spokes
from arena.view.figures.plots import pixels, render
from arena.view.reproduce.samples import AREA_SHARE, Measured, MetricReading, Readings
from tests.view.reproduce.conftest import experiment, sample, series

pytestmark = pytest.mark.long

METRICS = ("RobD", "JSD", "NOD", AREA_SHARE)


def found(figure: str) -> Measured:
    values = {"RobD": 0.1, "JSD": 0.2, "NOD": 0.3}
    copies = [sample(f"c{i}", {m: v + i / 10 for m, v in values.items()}) for i in range(3)]
    innocents = [
        sample(f"n{i}", {m: v + 0.5 for m, v in values.items()}, kind="Neg-1") for i in range(3)
    ]
    samples = []
    for one in (*copies, *innocents):
        readings = dict(one.readings["all"]) | {AREA_SHARE: MetricReading(0.5, float("nan"), None)}
        parts: Readings = {
            "all": readings,
            "exposed": readings,
            "held-out": readings,
        }
        owner = {"c0": "c0", "c1": "c1"}.get(one.name, "c2") if figure == "gaps" else "judge"
        samples.append(replace(one, readings=parts, owner=owner))
    return Measured(experiment(figure, METRICS, series=[series(3)], high=(AREA_SHARE,)), samples)


def texts(figure: Figure) -> str:
    said = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    for axes in figure.axes:
        said += [axes.get_xlabel(), axes.get_ylabel(), axes.get_title()]
        said += [label.get_text() for label in (*axes.get_xticklabels(), *axes.get_yticklabels())]
    return " ".join(said)


@pytest.mark.parametrize("kind", ["strips", "radars", "curves", "parts", "gaps"])
def test_axes_are_named_and_the_legend_is_outside_the_data(kind: str) -> None:
    figure = drawn(found(kind))
    image = pixels(render(figure))
    assert image.std() > 0
    said = texts(figure)
    assert "innocent" in said
    for metric in METRICS[:3]:
        assert metric in said
    assert [axes.get_legend() for axes in figure.axes] == [None] * len(figure.axes)
    assert len(figure.legends) == 1


@pytest.mark.parametrize("kind", ["strips", "curves", "parts", "gaps"])
def test_where_there_is_a_threshold_it_is_a_line(kind: str) -> None:
    assert "tau" in texts(drawn(found(kind)))


def test_a_number_that_votes_on_nothing_has_no_direction() -> None:
    shown = texts(drawn(found("strips")))
    assert "NOD (copies low)" in shown
    assert "area share (copies" not in shown


@pytest.mark.parametrize("kind", ["strips", "radars", "curves", "parts", "gaps"])
def test_nothing_measured_is_drawn_as_nothing(kind: str) -> None:
    empty = replace(found(kind), samples=[sample("c0", {})])
    assert pixels(render(drawn(empty))).ndim == 3


def test_the_radar_has_a_spoke_for_each_metric_that_applies() -> None:
    shown = found("radars")
    assert list(spokes(shown, shown.samples[0])) == ["RobD", "JSD", "NOD"]
    assert area_share(shown.samples[0]) == 0.5


def test_experiments_name_a_figure_that_there_is() -> None:
    with pytest.raises(ValueError, match="figure"):
        Experiment.model_validate({"number": 1, "title": "t", "figure": "pie", "metrics": ["RobD"]})
