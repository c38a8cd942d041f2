"""The plane of gain against work: one point a thief, and the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from arena.view.figures.plots import short
from arena.view.results.prices import Price

_CAUGHT = 0.5  # the share of matches from which on a thief is drawn hollow
_NAMED = 3  # thieves whose names stand at one place
_NEAR = (0.1, 0.03)  # in work, as a share of the most, and in gain
_PLACES = [(x, y) for y in (4, -12, 14, -22, 24, -32) for x in (4, -4)]
"""Where a label may stand, in points from its thief, the best place first."""


def plane(found: Sequence[Price]) -> Figure:
    """Draw each thief at its work and its gain; those that are mostly caught are hollow."""
    figure = Figure(figsize=(7.2, 4.8), layout="constrained")
    axes = figure.add_subplot()
    front = sorted((p for p in found if p.best), key=lambda p: p.work)
    axes.step([p.work for p in front], [p.gain for p in front], where="post", color="0.6", zorder=1)
    for price in sorted(found, key=lambda p: p.best):  # the front lies on top
        colour = "tab:red" if price.best else "tab:blue"
        inside = "white" if price.caught >= _CAUGHT else colour
        axes.scatter(price.work, price.gain, s=36, edgecolors=colour, facecolors=inside, zorder=2)
    axes.margins(x=0.12)
    axes.set_ylim(-0.1, 1.12)
    axes.set_xlabel("work: own training as a multiple of the victim's")
    axes.set_ylabel("gain over what the thief could have alone")
    axes.set_title(
        "What thefts bring, and how much work they are\n"
        "red: the Pareto front of these two; hollow: mostly caught"
    )
    axes.grid(alpha=0.3)
    figure.draw_without_rendering()  # so that places are known
    taken = [_marked(axes, price) for price in found]
    for together in _neighbours(found):
        taken.append(_written(axes, together, taken))
    return figure


def _marked(axes: Axes, price: Price) -> Bbox:
    """Return where the mark of a thief stands on the drawn figure."""
    x, y = axes.transData.transform((price.work, price.gain))
    return Bbox([[x - 3, y - 3], [x + 3, y + 3]])


def _written(axes: Axes, together: Sequence[Price], taken: Sequence[Bbox]) -> Bbox:
    """Write the names of the thieves at one place where no others stand; return where that is."""
    names = _label([price.thief for price in together])
    point = together[0].work, together[0].gain
    label = axes.annotate(names, point, _PLACES[0], textcoords="offset points", fontsize=8)
    for place in [*_PLACES, _PLACES[0]]:  # where none is free: the best one all the same
        label.xyann = place
        label.set_horizontalalignment("left" if place[0] > 0 else "right")
        box = label.get_window_extent()
        inside = all(axes.bbox.contains(*corner) for corner in (box.min, box.max))
        if inside and not box.count_overlaps(taken):
            break
    return box


def _label(thieves: Sequence[str]) -> str:
    """Return the names at one place, those that would make it too long counted.

    >>> _label(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    names = ", ".join(map(short, thieves[:_NAMED]))
    return names if len(thieves) <= _NAMED else f"{names} and {len(thieves) - _NAMED} more"


def _neighbours(found: Sequence[Price]) -> list[list[Price]]:
    """Return the thieves by place: those whose labels would lie on each other share one."""
    wide = _NEAR[0] * max((price.work for price in found), default=0.0)
    places: list[list[Price]] = []
    for price in sorted(found, key=lambda price: price.work):
        for place in places:
            if price.work - place[0].work <= wide and abs(price.gain - place[0].gain) <= _NEAR[1]:
                place.append(price)
                break
        else:
            places.append([price])
    return places
