"""The picture of a match with one round: how far each figure reaches, and the threshold."""

from __future__ import annotations

import math

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from arena.view.figures.plots import THRESHOLD, MatchCurves, head_match

_LINES = colormaps["tab10"]


def match_bars(match: MatchCurves) -> Figure:
    """Draw a bar for each figure of a match's only round, its value written beside it."""
    values = [reached[0] for reached in match.series.values()]
    places = np.arange(len(values))
    width, height = 6.8, 0.42 * len(values) + 1.5
    # Placed by hand, as the curves are: automatic layout takes most of the time.
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((1.45 / width, 0.85 / height, 1 - 2.1 / width, 1 - 1.2 / height))
    axes.barh(places, np.nan_to_num(values), 0.62, color=[_LINES(i) for i in range(len(values))])
    for place, value in zip(places, values, strict=True):
        word = "-" if math.isnan(value) else f"{value:.3f}"
        axes.annotate(word, (1.015, place), va="center", fontsize=9, annotation_clip=False)
    if not math.isnan(match.victim_utility):
        axes.axvline(
            match.victim_utility, color="0.35", lw=1.2, ls=(0, (1, 2)), label="victim's utility"
        )
    axes.axvline(THRESHOLD, color="crimson", lw=1.2, ls="--", label="threshold of the statistic")
    axes.set_yticks(places, list(match.series))
    axes.set(xlim=(0, 1), ylim=(len(values) - 0.5, -0.5), xlabel="share or utility, 0 to 1")
    head_match(axes, match)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="lower center", ncols=2, frameon=False, fontsize=8)
    return figure
