"""The chart of one judgement: how near the suspect is to the victim in every metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.projections.polar import PolarAxes

_COPY, _INNOCENT, _LINE = "#c0392b", "#2e7d32", "0.25"
_FEWEST = 3  # axes of a radar chart; fewer are drawn as bars


@dataclass(frozen=True)
class Chart:
    """What is drawn; each list has one value in [0, 1] a metric.

    Attributes:
        title: over the chart.
        metrics: names.
        similarities: 1 as near as the victim itself, 0 as far as innocents are.
        thresholds: the similarity from which a metric votes "copy".
        is_copy: the verdict.
        caption: under the title.
    """

    title: str
    metrics: Sequence[str]
    similarities: Sequence[float]
    thresholds: Sequence[float]
    is_copy: bool
    caption: str = ""


def draw(chart: Chart) -> Figure:
    """Draw a radar chart, or bars where there are fewer than three metrics."""
    figure = Figure(figsize=(6.4, 5.8), layout="constrained")
    colour = _COPY if chart.is_copy else _INNOCENT
    (_radar if len(chart.metrics) >= _FEWEST else _bars)(figure, chart, colour)
    figure.suptitle(f"{chart.title}\n{chart.caption}", fontsize=10)
    suspect = Patch(color=colour, alpha=0.35, label="the suspect")
    line = Line2D([], [], color=_LINE, ls="--", label="votes copy from here on (tau)")
    figure.legend(handles=[suspect, line], loc="outside lower center", ncols=2, frameon=False)
    return figure


def _radar(figure: Figure, chart: Chart, colour: str) -> None:
    axes = figure.add_subplot(projection="polar")
    assert isinstance(axes, PolarAxes)  # noqa: S101 - what that projection makes
    angles = np.linspace(0, 2 * np.pi, len(chart.metrics), endpoint=False)
    around = np.append(angles, angles[0])
    values = np.append(chart.similarities, chart.similarities[0])
    axes.fill(around, values, color=colour, alpha=0.35)
    axes.plot(around, values, color=colour, lw=1.5, marker="o", ms=4, clip_on=False)
    axes.plot(around, np.append(chart.thresholds, chart.thresholds[0]), color=_LINE, ls="--")
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    axes.set_ylim(0, 1)
    axes.set_rlabel_position(180 / len(chart.metrics))
    axes.set_yticks([0.5, 1.0], ["0.5", "1: the victim itself"], fontsize=7, color="0.4")
    axes.set_xticks(angles, list(chart.metrics))


def _bars(figure: Figure, chart: Chart, colour: str) -> None:
    axes = figure.add_subplot()
    places = range(len(chart.metrics))
    axes.barh(places, chart.similarities, 0.5, color=colour, alpha=0.35)
    for place, threshold in zip(places, chart.thresholds, strict=True):
        axes.plot([threshold, threshold], [place - 0.35, place + 0.35], color=_LINE, ls="--")
    axes.set_yticks(places, list(chart.metrics))
    axes.set_ylim(len(chart.metrics) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xlabel("similarity: 0 as far as innocents, 1 the victim itself")
    axes.spines[["top", "right"]].set_visible(False)
