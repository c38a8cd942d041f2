"""What laundering costs and what it buys: `python -m benchmarks.language.plane --rows FILE`.

FILE is what `benchmarks.language.text_marks written` left. For each mark one panel, for each
launderer one point: the quality that it lost (bits a character that the referee's n-grams need for
the laundered texts, beyond what they need for the texts as they were written) against the share of
texts that is still recognised at p <= 1e-3, with its exact interval. Points in the lower left are
thieves who win: little lost, little recognised. `--picture` takes the figure as PNG.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.common import heading, say
from benchmarks.language.rows import Row, read_rows

ORIGINAL = "pass-on"


@dataclass(frozen=True)
class Point:
    """A launderer against a mark: bits a character lost; the share recognised, with interval."""

    launderer: str
    lost: float
    share: float
    low: float
    high: float


def points(rows: Sequence[Row]) -> dict[str, list[Point]]:
    """Return the points of each mark whose untouched texts are among the rows."""
    found: defaultdict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        part, *names = str(row["cell"]).split("/")
        if part == "written":
            found[names[0]][names[1]] = row
    return {mark: _of_mark(cells) for mark, cells in found.items() if ORIGINAL in cells}


def _of_mark(cells: Mapping[str, Row]) -> list[Point]:
    plain = _number(cells[ORIGINAL], "bits")
    return [
        Point(
            name,
            _number(row, "bits") - plain,
            _number(row, "caught") / _number(row, "n"),
            _number(row, "low"),
            _number(row, "high"),
        )
        for name, row in cells.items()
    ]


def _number(row: Row, name: str) -> float:
    return float(row[name] or 0)


def winners(found: Sequence[Point]) -> list[str]:
    """Return the launderers that no other beats in what is lost and in what is recognised."""

    def beaten(one: Point) -> bool:
        return any(
            other.lost <= one.lost
            and other.share <= one.share
            and (other.lost, other.share) != (one.lost, one.share)
            for other in found
        )

    return [one.launderer for one in found if not beaten(one)]


def drawn(planes: Mapping[str, Sequence[Point]]) -> Figure:
    """Return the figure: a panel for each mark."""
    n_columns = min(4, max(len(planes), 1))
    n_lines = -(-len(planes) // n_columns) or 1
    figure = Figure(figsize=(3.4 * n_columns, 3.2 * n_lines), layout="constrained")
    panels = figure.subplots(n_lines, n_columns, squeeze=False, sharex=True, sharey=True)
    for axes, (mark, found) in zip(panels.flat, planes.items(), strict=False):
        front, beside = winners(found), Counter[float]()
        for one in sorted(found, key=lambda point: point.lost):
            colour = "#c0392b" if one.launderer in front else "0.45"
            reach = [[max(0.0, one.share - one.low)], [max(0.0, one.high - one.share)]]
            axes.errorbar(one.lost, one.share, reach, fmt="o", color=colour, ms=4, capsize=2)
            below = beside[round(one.share, 1)]  # names of points at one height stand in steps
            beside[round(one.share, 1)] += 1
            axes.annotate(
                one.launderer,
                (one.lost, one.share),
                (7, (9 if one.share < 0.5 else -9) * below),
                textcoords="offset points",
                fontsize=6,
                color=colour,
                arrowprops={"arrowstyle": "-", "lw": 0.3, "color": colour} if below else None,
            )
        axes.set_title(mark, fontsize=10)
        axes.set_ylim(-0.05, 1.05)
        axes.set_xscale("symlog", linthresh=1.0)
        axes.set_xlim(-10, 60)
        axes.set_xticks([-10, -1, 0, 1, 10], ["-10", "-1", "0", "1", "10"])
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels.flat[len(planes) :]:
        axes.set_visible(False)
    figure.supxlabel("quality lost, bits a character")
    figure.supylabel("share recognised at p <= 1e-3")
    return figure


def main() -> None:
    """Print the points, and draw them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    planes = points(read_rows(options.rows))
    heading("quality lost against what is recognised", 1)
    for mark, found in planes.items():
        front = winners(found)
        for one in sorted(found, key=lambda point: point.lost):
            best = "  unbeaten" if one.launderer in front else ""
            say(
                f"{mark:13} {one.launderer:16} {one.lost:+.2f} bits, {one.share:.2f} "
                f"[{one.low:.2f}, {one.high:.2f}] recognised{best}"
            )
    if options.picture:
        drawn(planes).savefig(options.picture, dpi=120)


if __name__ == "__main__":
    main()
