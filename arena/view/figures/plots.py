"""Every plot of the arena. Figures are built with matplotlib's object interface: no global state.

Each function takes plain numbers and names and returns a `Figure`; `render` makes a PNG of it.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.projections.polar import PolarAxes
from numpy.typing import NDArray

from arena.view.progress.stamps import STAMP

Floats = NDArray[np.float64]

_DPI = 110
_LONGEST = 26  # characters of a name on an axis
_LINES = colormaps["tab10"]
_STYLES = ("-", "--", ":")
THRESHOLD = 0.5  # where every rescaled statistic has its threshold


def short(name: str) -> str:
    """Return a name that fits an axis: its middle is left out where it is too long.

    >>> short("uchida")
    'uchida'
    >>> short("a-very-long-name-of-a-very-long-thief")
    'a-very-long-n…y-long-thief'
    """
    if len(name) <= _LONGEST:
        return name
    half = _LONGEST // 2
    return f"{name[:half]}…{name[len(name) - half + 1 :]}"


def render(figure: Figure, stamp: str = "") -> bytes:
    """Return a figure as PNG. Render it once: a second layout may differ from the first.

    `stamp` says what it was made from; it is kept in the picture, under the key `made-from`.
    """
    buffer = io.BytesIO()
    said = {"Software": None} | ({STAMP: stamp} if stamp else {})
    figure.savefig(buffer, dpi=_DPI, format="png", metadata=said)
    return buffer.getvalue()


def vector(figure: Figure) -> str:
    """Return a figure as SVG, its writing as text."""
    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "arena"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def pixels(png: bytes) -> NDArray[np.uint8]:
    """Return a PNG as an image (H, W, 3)."""
    image = imread(io.BytesIO(png), format="png")[:, :, :3]
    return np.asarray((image * 255).round(), dtype=np.uint8)


@dataclass(frozen=True)
class MatchCurves:
    """What is drawn of one match; each list has one value a round, NaN where there is none.

    Attributes:
        title: the match's name. rounds: their numbers. moves: what the thief played.
        series: name -> values in [0, 1].
        victim_utility: utility of the victim in [0, 1].
        ending: in words. stolen: whether that is the thief's victory.
    """

    title: str
    rounds: Sequence[int]
    moves: Sequence[str]
    series: Mapping[str, Sequence[float]] = field(default_factory=dict)
    victim_utility: float = math.nan
    ending: str = ""
    stolen: bool = False


def head_match(axes: Axes, match: MatchCurves) -> None:
    """Write above a match what it was, and how it ended."""
    axes.set_title(match.title, fontsize=11, loc="left")
    colour = "crimson" if match.stolen else "darkgreen"
    axes.set_title(match.ending, fontsize=10, loc="right", color=colour, fontweight="bold")


def match_curves(match: MatchCurves) -> Figure:
    """Draw utility, kept share and rescaled statistic of a match against its rounds."""
    turned = len(match.rounds) > 5
    width, height = max(6.8, 4.2 + 0.5 * len(match.rounds)), 4.4 if turned else 3.4
    # Placed by hand: there are hundreds of these, and automatic layout takes most of the time.
    figure = Figure(figsize=(width, height))
    low = 1.5 if turned else 0.75
    axes = figure.add_axes((0.65 / width, low / height, 1 - 2.85 / width, 1 - (low + 0.4) / height))
    for i, (name, values) in enumerate(match.series.items()):
        style = f"{'osD^v'[i % 5]}{_STYLES[i % 3]}"
        size = max(8 - 2 * i, 3)  # a later line lies over an earlier one, which stays visible
        axes.plot(match.rounds, values, style, ms=size, color=_LINES(i), clip_on=False, label=name)
    if not math.isnan(match.victim_utility):
        axes.axhline(
            match.victim_utility, color="0.6", lw=1, ls=(0, (1, 2)), label="victim's utility"
        )
    axes.axhline(THRESHOLD, color="crimson", lw=1, ls="--", label="threshold of the statistic")
    ticks = [
        f"{number}: {short(move)}" for number, move in zip(match.rounds, match.moves, strict=True)
    ]
    axes.set_xticks(list(match.rounds), ticks, fontsize=8)
    if turned:
        axes.tick_params(axis="x", rotation=35)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    axes.set_xlim(match.rounds[0] - 0.5, match.rounds[-1] + 0.5)
    axes.set(ylim=(0, 1.02), ylabel="share or utility, 0 to 1", xlabel="round and move")
    head_match(axes, match)
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize=8)
    return figure


class Score(NamedTuple):
    """A value and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Bars:
    """One side of the leaderboard as it is drawn; all lists have one entry a player, best first.

    Attributes:
        title: what side it is. players: names.
        shares: column -> pay-offs in [0, 1]. rating: on its own scale.
    """

    title: str
    players: Sequence[str]
    shares: Mapping[str, Sequence[Score]]
    rating: Sequence[Score]


def leaderboard_bars(sides: Sequence[Bars]) -> Figure:
    """Draw the leaderboards: worst case, Nash and mean as bars, the rating with its interval."""
    heights = [max(0.5 * len(side.players), 0.9) + 0.7 for side in sides]
    figure = Figure(figsize=(9.5, sum(heights) + 0.9), layout="constrained")
    grid = figure.subplots(len(sides), 2, squeeze=False, height_ratios=heights, width_ratios=(3, 2))
    for (left, right), side in zip(grid, sides, strict=True):
        _share_bars(left, side)
        _ratings(right, side)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    return figure


def _share_bars(axes: Axes, side: Bars) -> None:
    places, thick = np.arange(len(side.players)), 0.8 / len(side.shares)
    for i, (name, scores) in enumerate(side.shares.items()):
        at = places + (i - (len(side.shares) - 1) / 2) * thick
        values, reach = _reach(scores)
        whisker = {"ecolor": "0.25", "elinewidth": 1.2}
        axes.barh(at, values, thick * 0.9, xerr=reach, error_kw=whisker, label=name)
    axes.set_yticks(places, [short(name) for name in side.players])
    axes.set_ylim(len(side.players) - 0.5, -0.5)
    axes.set(xlim=(0, 1), xlabel="its own pay-off, 0 to 1", title=side.title)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)


def _ratings(axes: Axes, side: Bars) -> None:
    places = np.arange(len(side.players))
    values, reach = _reach(side.rating)
    axes.errorbar(values, places, xerr=reach, fmt="o", color="0.2", capsize=3)
    axes.set_yticks(places, [])
    axes.set_ylim(len(side.players) - 0.5, -0.5)
    axes.set(xlabel="rating (25 is average)", title="rating and interval")
    axes.grid(alpha=0.3)


def _reach(scores: Sequence[Score]) -> tuple[Floats, Floats]:
    """Return values (n,), and how far their intervals reach below and above, (2, n)."""
    table = np.asarray(scores, dtype=np.float64)  # (n, 3)
    values = table[:, 0]
    return values, np.maximum(np.stack([values - table[:, 1], table[:, 2] - values]), 0)


@dataclass(frozen=True)
class Roc:
    """The receiver operating characteristic of an owner's statistic.

    Attributes:
        owner: its name. false, true: rates from 0 to 1, both rising.
        area: under the curve. n_copies, n_innocents: what was counted.
    """

    owner: str
    false: Sequence[float]
    true: Sequence[float]
    area: float
    n_copies: int
    n_innocents: int


def roc_curves(curves: Sequence[Roc]) -> Figure:
    """Draw a receiver operating characteristic for each owner, in a panel of its own."""
    n_rows = math.ceil(len(curves) / 5)
    n_columns = math.ceil(len(curves) / n_rows)
    figure = Figure(figsize=(max(2.5 * n_columns, 3.6), 2.8 * n_rows + 0.7), layout="constrained")
    grid = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat:
        axes.set_visible(False)
    for axes, curve in zip(grid.flat, curves, strict=False):
        axes.set_visible(True)
        axes.plot([0, 1], [0, 1], color="0.7", lw=1, ls=":")
        axes.plot(curve.false, curve.true, lw=2, clip_on=False)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
        axes.set_title(
            f"{short(curve.owner)}\narea {curve.area:.2f}: {curve.n_copies} copies, "
            f"{curve.n_innocents} innocents",
            fontsize=8,
        )
        axes.tick_params(labelbottom=True, labelsize=8)
        axes.grid(alpha=0.3)
    figure.supxlabel("false-positive rate: innocents accused", fontsize=9)
    figure.supylabel("true-positive rate: copies found", fontsize=9)
    return figure


def radar(owner: str, thieves: Sequence[str], rescaled: Sequence[float]) -> Figure:
    """Draw an owner's rescaled statistic against each thief: inside the ring the thief got away.

    Args:
        owner: the owner's name.
        thieves: at least 3 names.
        rescaled: a value in [0, 1] for each.
    """
    figure = Figure(figsize=(7.0, 5.4), layout="constrained")
    axes = figure.add_subplot(projection="polar")
    assert isinstance(axes, PolarAxes)  # noqa: S101 - what that projection makes
    angles = np.linspace(0, 2 * np.pi, len(thieves), endpoint=False)
    around = np.append(angles, angles[0])
    values = np.append(np.asarray(rescaled, dtype=np.float64), rescaled[0])
    axes.fill(around, values, color=_LINES(0), alpha=0.2)
    axes.plot(
        around, values, color=_LINES(0), marker="o", ms=4, clip_on=False, label="rescaled statistic"
    )
    circle = np.linspace(0, 2 * np.pi, 200)
    ring = np.full(200, THRESHOLD)
    axes.plot(circle, ring, color="crimson", lw=1, ls="--", label="threshold: caught outside it")
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    axes.set_rlabel_position(180 / len(thieves))
    axes.set_ylim(0, 1)
    axes.set_yticks([0.25, 0.5, 0.75, 1.0], ["", "0.5", "", "1"], fontsize=7, color="0.4")
    axes.set_xticks(angles, ["" for _ in thieves])
    for angle, name in zip(angles, thieves, strict=True):
        _around(axes, float(angle), short(name))
    axes.set_title(f"owner {owner}: its statistic after each thief", fontsize=10, pad=24)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def _around(axes: PolarAxes, angle: float, name: str) -> None:
    """Write a name outside the circle, growing away from it."""
    side = math.sin(angle)
    place = "center" if abs(side) < 1e-6 else "left" if side > 0 else "right"
    upright = "bottom" if math.cos(angle) > 0.5 else "top" if math.cos(angle) < -0.5 else "center"
    axes.text(angle, 1.06, name, fontsize=8, ha=place, va=upright)
