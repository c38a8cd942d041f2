"""The heat map: a value for every pair of an owner and a thief."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from arena.view.figures.plots import THRESHOLD, short

Floats = NDArray[np.float64]

_DARK = 0.45  # luminance below which writing is white
_MISSING = "#ececec"
_MOST_WRITTEN = 900  # cells: more are too small to write in, and writing takes the time


@dataclass(frozen=True)
class Look:
    """How a heat map of values in [0, 1] looks, and what is said about them.

    Attributes:
        title: what the cells show. bar: name of the colour bar.
        colours: name of a colour map.
        turn: value that is marked on the colour bar; NaN for none.
    """

    title: str
    bar: str
    colours: str
    turn: float = math.nan


PAYOFF = Look(
    "Pay-off of the thief\n0: caught or no gain, 1: all that the victim leads by, not caught",
    "pay-off of the thief",
    "YlOrRd",
)
RESCALED = Look(
    "Owner's statistic on the suspect, rescaled so that its threshold sits at 0.5\n"
    "red: short of its threshold, blue: past it",
    "rescaled statistic, threshold at 0.5",
    "RdBu",
    THRESHOLD,
)


def utility_look(metric: str) -> Look:
    """Return the look of a map of utilities, which the kind of task calls by a name."""
    title = f"{metric[:1].upper()}{metric[1:]} of the suspect on the test split"
    return Look(title, f"{metric}, 0 to 1", "YlGnBu")


def heat_map(
    owners: Sequence[str],
    thieves: Sequence[str],
    values: Floats,
    words: Sequence[Sequence[str]],
    look: Look,
) -> Figure:
    """Draw one value for each match, a row for each owner, a column for each thief.

    Args:
        owners: O names.
        thieves: T names.
        values: (O, T), in [0, 1]; NaN, drawn hatched, where there is none.
        words: (O, T), what each cell says: its value, or why there is none; of more than 900 cells
            only the colour does, grey for none.
        look: colours, title, name of the colour bar.
    """
    n_rows, n_columns = len(owners), len(thieves)
    written = n_rows * n_columns <= _MOST_WRITTEN
    wide, high = (0.58, 0.36) if written else (0.16, 0.16)  # inches of a cell
    width, height = 2.9 + wide * n_columns, 1.9 + high * n_rows
    figure = Figure(figsize=(max(width, 5.2), max(height, 2.8)), layout="constrained")
    axes = figure.add_subplot(facecolor=_MISSING)
    colours = colormaps[look.colours]
    image = axes.imshow(values, cmap=colours, vmin=0, vmax=1, aspect="auto")
    if written:
        _write(axes, values, words, _luminance(colours(np.nan_to_num(values))) < _DARK)
    _name(axes, owners, thieves, 10 if written else 6)
    figure.suptitle(look.title, fontsize=9)
    bar = figure.colorbar(image, ax=axes, pad=0.02, fraction=0.05, label=look.bar)
    bar.ax.spines[:].set_visible(False)
    if not math.isnan(look.turn):
        bar.ax.axhline(look.turn, color="black", lw=1.2)
    return figure


def _write(
    axes: Axes, values: Floats, words: Sequence[Sequence[str]], dark: NDArray[np.bool_]
) -> None:
    """Write what each cell says."""
    n_rows, n_columns = values.shape
    size = 9 if n_columns <= 12 else 7
    for row in range(n_rows):
        for column in range(n_columns):
            at = row, column
            _cell(axes, at, words[row][column], size, bool(dark[at]), math.isnan(values[at]))


def _name(axes: Axes, owners: Sequence[str], thieves: Sequence[str], size: float) -> None:
    """Write the names of rows and columns, and draw lines between them."""
    axes.set_xticks(range(len(thieves)), [short(name) for name in thieves], rotation=45)
    for label in axes.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor", fontsize=size)
    axes.set_yticks(range(len(owners)), [short(name) for name in owners], fontsize=size)
    axes.set_xticks(np.arange(len(thieves) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(owners) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.2 if size > 6 else 0.4)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="thief", ylabel="owner")


def _luminance(colours: Floats) -> Floats:
    """Return how bright colours (..., 4) are, from 0 to 1 (Rec. 709 weights)."""
    return np.asarray(colours[..., :3] @ np.array([0.2126, 0.7152, 0.0722]))


def _cell(
    axes: Axes, place: tuple[int, int], word: str, size: float, dark: bool, missing: bool
) -> None:
    row, column = place
    if missing:
        corner = (column - 0.5, row - 0.5)
        box = Rectangle(corner, 1, 1, facecolor=_MISSING, edgecolor="#bdbdbd", hatch="////", lw=0)
        axes.add_patch(box)
    size = size if len(word) <= 5 else size * 5 / len(word)
    text = axes.text(column, row, word, ha="center", va="center", fontsize=size)
    text.set_color("white" if dark and not missing else "black")
    if missing:
        text.set_bbox({"facecolor": _MISSING, "edgecolor": "none", "pad": 1.0})
