"""The figures of experiments: one function for each kind that `[experiment]` may name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.projections.polar import PolarAxes

from arena.runs.experiment import Drawing, Part, Series
from arena.view.figures.plots import short
from arena.view.reproduce.samples import AREA_SHARE, Measured, MetricReading, Sample

_COPY, _INNOCENT, _LINE = "#c0392b", "#2e7d32", "0.25"
_STYLES = ("o-", "s--", "^:", "D-.", "v-")
_COLOURS = ("#c0392b", "#2c5aa0", "#8e44ad", "#d68910", "#148f77")
_MOST_RADARS = 12
_PARTS: tuple[Part, ...] = ("exposed", "held-out")


def drawn(found: Measured) -> Figure:
    """Return the figure of an experiment, of the kind that it names."""
    return _KINDS[found.experiment.figure](found)


def _panels(n_rows: int, n_columns: int, size: tuple[float, float]) -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=(size[0], size[1]), layout="constrained")
    return figure, figure.subplots(n_rows, n_columns, squeeze=False)


def _key(figure: Figure, *handles: Line2D | Patch) -> None:
    """Write the legend under the panels."""
    columns = min(len(handles), 5)
    figure.legend(
        handles=list(handles), loc="outside lower center", ncols=columns, frameon=False, fontsize=9
    )


def _dot(colour: str, label: str, marker: str = "o", *, hollow: bool = False) -> Line2D:
    face = "none" if hollow else colour
    return Line2D([], [], color=colour, marker=marker, ls="", mfc=face, label=label)


def _threshold(label: str = "threshold (tau): copies on the near side") -> Line2D:
    return Line2D([], [], color=_LINE, ls="--", lw=1.2, label=label)


def _axis(found: Measured, metric: str) -> str:
    """Return a metric's name and the direction in which copies lie, where it says of any."""
    readings = (sample.get(metric) for sample in found.samples)
    if all(reading is None or reading.is_copy is None for reading in readings):
        return metric
    return f"{metric} (copies {'high' if metric in found.experiment.high else 'low'})"


def _rows(samples: Sequence[Sample]) -> list[str]:
    """Return the row of each sample: a copy by its name, innocents by their kind."""
    return list(dict.fromkeys(s.name if s.is_copy else s.kind for s in samples))


def strips(found: Measured) -> Figure:
    """Draw every model as a dot, a panel for each metric, a row for each thief or kind."""
    metrics, rows = found.experiment.metrics, _rows(found.samples)
    n_columns = min(len(metrics), 3)
    n_lines = math.ceil(len(metrics) / n_columns)
    height = n_lines * (1.2 + 0.28 * len(rows)) + 0.7
    figure, panels = _panels(n_lines, n_columns, (3.4 * n_columns + 1.2, height))
    for axes, metric in zip(panels.flat, metrics, strict=False):
        _strip(axes, found, metric, rows)
    for axes in panels.flat[len(metrics) :]:
        axes.set_visible(False)
    _key(figure, _dot(_COPY, "copy"), _dot(_INNOCENT, "innocent, unseen", "s"), _threshold())
    return figure


def _strip(axes: Axes, found: Measured, metric: str, rows: Sequence[str]) -> None:
    for sample in found.samples:
        reading = sample.get(metric)
        if reading is None:
            continue
        row = rows.index(sample.name if sample.is_copy else sample.kind)
        colour, marker = (_COPY, "o") if sample.is_copy else (_INNOCENT, "s")
        axes.plot(reading.value, row, marker, color=colour, ms=5, alpha=0.75, clip_on=False)
    _tau(axes.axvline, found.samples, metric)
    _named_rows(axes, rows)
    axes.set(xlabel=_axis(found, metric))
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))


def _named_rows(axes: Axes, rows: Sequence[str]) -> None:
    axes.set_yticks(range(len(rows)), [short(row) for row in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="y", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _tau(
    draw: Callable[..., Line2D], samples: Sequence[Sample], metric: str, part: Part = "all"
) -> None:
    """Draw the threshold of a metric, once for each owner that has one."""
    readings = (sample.get(metric, part) for sample in samples)
    for line in sorted({r.line for r in readings if r is not None and math.isfinite(r.line)}):
        draw(line, color=_LINE, ls="--", lw=1.2)


def radars(found: Measured) -> Figure:
    """Draw a radar chart for each copy, and for the innocents nearest to the victim."""
    shown = [*found.copies, *_nearest(found)][:_MOST_RADARS]
    n_columns = min(4, max(len(shown), 1))
    n_lines = math.ceil(len(shown) / n_columns)
    engine = ConstrainedLayoutEngine(rect=(0, 0, 1, 0.98))  # titles of the top row lie high
    figure = Figure(figsize=(2.7 * n_columns, 3.3 * n_lines + 0.5), layout=engine)
    for i, sample in enumerate(shown):
        axes = figure.add_subplot(n_lines, n_columns, i + 1, projection="polar")
        assert isinstance(axes, PolarAxes)  # noqa: S101 - what that projection makes
        _radar(axes, found, sample)
    _key(
        figure,
        Patch(color=_COPY, alpha=0.3, label="copy"),
        Patch(color=_INNOCENT, alpha=0.3, label="innocent"),
        Line2D([], [], color="0.5", lw=0.8, label="rim: as near as the victim itself"),
    )
    return figure


def _nearest(found: Measured) -> list[Sample]:
    """Return the innocent of each kind with the largest chart: the one most like a copy."""
    kinds = dict.fromkeys(s.kind for s in found.innocents)
    return [max((s for s in found.innocents if s.kind == kind), key=area_share) for kind in kinds]


def spokes(found: Measured, sample: Sample) -> dict[str, float]:
    """Return the similarities in [0, 1] of the metrics that apply."""
    readings = {metric: sample.get(metric) for metric in found.experiment.metrics}
    return {m: r.similarity for m, r in readings.items() if r and not math.isnan(r.similarity)}


def area_share(sample: Sample) -> float:
    """Return the area of a sample's chart as a share of the whole one's; NaN below three axes."""
    reading = sample.get(AREA_SHARE)
    return math.nan if reading is None else reading.value


def _radar(axes: PolarAxes, found: Measured, sample: Sample) -> None:
    values = spokes(found, sample)
    colour = _COPY if sample.is_copy else _INNOCENT
    angles = np.linspace(0, 2 * np.pi, len(values), endpoint=False)
    around = [*angles, *angles[:1]]
    closed = [*values.values(), *list(values.values())[:1]]
    axes.fill(around, closed, color=colour, alpha=0.3)
    axes.plot(around, closed, color=colour, lw=1.2, clip_on=False)
    axes.set_ylim(0, 1)
    axes.set_theta_zero_location("N")
    axes.set_yticks([0.5, 1.0], ["", ""])
    axes.set_xticks(angles, list(values), fontsize=7)
    axes.tick_params(pad=-1)
    axes.set_title(f"{short(sample.name)}\narea share {area_share(sample):.2f}", fontsize=9, pad=14)


def curves(found: Measured) -> Figure:
    """Draw each metric against the degrees: a row for each metric, a column for each axis."""
    series, metrics = found.experiment.series, found.experiment.metrics
    axes_names = list(dict.fromkeys(s.axis for s in series))
    size = (3.3 * len(axes_names) + 0.6, 2.2 * len(metrics) + 0.7)
    figure, panels = _panels(len(metrics), len(axes_names), size)
    titles = list(dict.fromkeys(s.title for s in series))
    for line, metric in zip(panels, metrics, strict=True):
        for axes, name in zip(line, axes_names, strict=True):
            shown = [(one, titles.index(one.title)) for one in series if one.axis == name]
            _curves(axes, found, metric, shown)
        line[0].set_ylabel(_axis(found, metric), fontsize=8)
    for axes, name in zip(panels[-1], axes_names, strict=True):
        axes.set_xlabel(name)
    lines = [
        Line2D([], [], color=_COLOURS[i % 5], marker=_STYLES[i % 5][0], ms=4, label=title)
        for i, title in enumerate(titles)
    ]
    band = Patch(color=_INNOCENT, alpha=0.2, label="innocents, unseen: least to most")
    _key(figure, *lines, band, _threshold("threshold (tau)"))
    return figure


def _curves(axes: Axes, found: Measured, metric: str, series: Sequence[tuple[Series, int]]) -> None:
    """Draw the series of a panel, each with the number of its style."""
    axes.spines[["top", "right"]].set_visible(False)
    n_drawn = 0
    for one, i in series:
        points = sorted((degree, reading.value) for degree, _, reading in found.along(one, metric))
        x, y = [degree for degree, _ in points], [value for _, value in points]
        axes.plot(x, y, _STYLES[i % 5], color=_COLOURS[i % 5], ms=4)
        axes.set_xscale("log" if one.log and points else "linear")
        n_drawn += len(points)
    if not n_drawn:
        axes.set(xticks=[], yticks=[])
        middle = axes.text(0.5, 0.5, "does not apply", color="0.5", transform=axes.transAxes)
        middle.set(ha="center", va="center")
        return
    _band(axes, found, metric)
    _tau(axes.axhline, found.copies, metric)


def _band(axes: Axes, found: Measured, metric: str) -> None:
    readings = [r.value for s in found.innocents if (r := s.get(metric)) is not None]
    if readings:
        axes.axhspan(min(readings), max(readings), color=_INNOCENT, alpha=0.2, lw=0)


def parts(found: Measured) -> Figure:
    """Draw each copy on the tests that were exposed to it and on those held out."""
    metrics, rows = found.experiment.metrics, _rows(found.samples)
    n_columns = min(len(metrics), 3)
    n_lines = math.ceil(len(metrics) / n_columns)
    height = n_lines * (1.2 + 0.32 * len(rows)) + 0.9
    figure, panels = _panels(n_lines, n_columns, (3.4 * n_columns + 1.2, height))
    for axes, metric in zip(panels.flat, metrics, strict=False):
        for sample in found.samples:
            _on_parts(
                axes, sample, metric, rows.index(sample.name if sample.is_copy else sample.kind)
            )
        _tau(axes.axvline, found.copies, metric, "held-out")
        _named_rows(axes, rows)
        axes.set(xlabel=_axis(found, metric))
        axes.set_xlim(left=0)
    for axes in panels.flat[len(metrics) :]:
        axes.set_visible(False)
    _key(
        figure,
        _dot(_COPY, "copy, exposed tests", "D", hollow=True),
        _dot(_COPY, "copy, held-out tests"),
        _dot(_INNOCENT, "innocent, held-out tests", "s"),
        _threshold("threshold (tau), held-out tests"),
    )
    return figure


def _on_parts(axes: Axes, sample: Sample, metric: str, row: int) -> None:
    for part in _PARTS if sample.is_copy else _PARTS[1:]:
        reading: MetricReading | None = sample.get(metric, part)
        if reading is None:
            continue
        colour, marker = (_COPY, "o") if sample.is_copy else (_INNOCENT, "s")
        hollow = part == "exposed"
        axes.plot(
            reading.value,
            row + (-0.15 if hollow else 0.1 if sample.is_copy else 0),
            "D" if hollow else marker,
            color=colour,
            mfc="none" if hollow else colour,
            ms=5,
            alpha=0.8,
            clip_on=False,
        )


def gaps(found: Measured) -> Figure:
    """Draw what copies and innocents show to each owner, in order of the owners' degree."""
    series, metrics = found.experiment.series, found.experiment.metrics
    size = (max(3.1 * len(series) + 0.8, 8.0), 2.5 * len(metrics) + 0.8)
    figure, panels = _panels(len(metrics), len(series), size)
    for line, metric in zip(panels, metrics, strict=True):
        for axes, one in zip(line, series, strict=True):
            degrees = one.degrees or tuple(float(i) for i in range(len(one.members)))
            for copies, colour in ((True, _COPY), (False, _INNOCENT)):
                _range(axes, found, metric, (degrees, one.members), (copies, colour))
            for degree, owner in zip(degrees, one.members, strict=True):
                _level(axes, found.of_owner(owner), metric, degree)
            axes.set_xscale("log" if one.log else "linear")
            axes.set_xticks(degrees, [f"{degree:g}" for degree in degrees], fontsize=8)
            axes.set_xticks([], minor=True)
            axes.set_title(one.title, fontsize=10)
            axes.set_xlabel(one.axis, fontsize=8)
            axes.set_ylim(bottom=0)
            axes.spines[["top", "right"]].set_visible(False)
        line[0].set_ylabel(_axis(found, metric), fontsize=8)
    copy = Line2D([], [], color=_COPY, marker="o", label="copies: mean, least to most")
    innocent = Line2D([], [], color=_INNOCENT, marker="s", label="innocents, unseen: the same")
    tau = Line2D([], [], color=_LINE, marker="_", ms=12, ls="", label="threshold (tau)")
    _key(figure, copy, innocent, tau)
    return figure


def _range(
    axes: Axes,
    found: Measured,
    metric: str,
    owners: tuple[Sequence[float], Sequence[str]],
    side: tuple[bool, str],
) -> None:
    copies, colour = side
    points = [
        (degree, np.mean(values), np.min(values), np.max(values))
        for degree, owner in zip(*owners, strict=True)
        if (values := found.of_owner(owner).values(metric, copies=copies))
    ]
    if points:
        x, middle, low, high = (np.asarray(column) for column in zip(*points, strict=True))
        marker = "o-" if copies else "s-"
        reach = np.maximum(0.0, (middle - low, high - middle))  # a mean may round past its values
        axes.errorbar(x, middle, reach, fmt=marker, color=colour, ms=4, capsize=3)


def _level(axes: Axes, found: Measured, metric: str, degree: float) -> None:
    readings = (sample.get(metric) for sample in found.samples)
    for line in {r.line for r in readings if r is not None}:
        axes.plot(degree, line, marker="_", ms=16, color=_LINE)


_KINDS: Mapping[Drawing, Callable[[Measured], Figure]] = {
    "strips": strips,
    "radars": radars,
    "curves": curves,
    "parts": parts,
    "gaps": gaps,
}
