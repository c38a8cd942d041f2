"""The heat maps of the page: values and colours of the arena's own figures, each with a key."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib import colormaps
from matplotlib.colors import to_hex

from arena.view.figures.heat_map import PAYOFF, RESCALED, Look, utility_look
from arena.view.results.report import CLAIM, NOT_MEANT, NOT_YET, NOTHING, Cells, Report, known
from arena.world.json_values import Json

Key = Sequence[tuple[float, str]]

_STOPS = 11  # colours of a ramp from 0 to 1, between which the page mixes; the sixth is that of 0.5
_PAYOFF_KEY = ((0.0, "0: caught or no gain"), (1.0, "1: all that the victim leads by, not caught"))
_RESCALED_KEY = (
    (0.15, "below 0.5: short of its threshold"),
    (0.5, "0.5: at its threshold"),
    (0.85, "above 0.5: past its threshold"),
)
_EMPTY = {
    NOTHING: "nothing to steal",
    CLAIM: "a claim and no model",
    NOT_MEANT: "a pair that the scenario leaves out",
    NOT_YET: "still to be played",
}


def maps(report: Report) -> list[Json]:
    """Return the heat maps of a tournament: pay-off, rescaled statistic, utility."""
    metric = report.metric
    return [
        _map("pay-off of the thief", report.payoffs, PAYOFF, _PAYOFF_KEY),
        _map("rescaled statistic of the owner", report.rescaled, RESCALED, _RESCALED_KEY),
        _map(
            f"{metric} of what was delivered",
            report.utilities,
            utility_look(metric),
            ((0.0, f"{metric} 0"), (1.0, f"{metric} 1")),
        ),
    ]


def _map(title: str, table: Cells, look: Look, key: Key) -> Json:
    values = [[known(round(value, 3)) for value in row] for row in table.values.tolist()]
    return {
        "title": title,
        "values": values,
        "words": [list(row) for row in table.words],
        "ramp": ramp(look),
        "key": [[value, says] for value, says in key],
        "empty": _empty(table),
    }


def ramp(look: Look) -> list[Json]:
    """Return the colours of a heat map from 0 to 1, those of the same map as a PNG.

    >>> ramp(RESCALED)[0], ramp(RESCALED)[5], ramp(RESCALED)[10]
    ('#67001f', '#f6f7f7', '#053061')
    """
    colours = colormaps[look.colours]
    return [to_hex(colours(i / (_STOPS - 1))) for i in range(_STOPS)]


def _empty(table: Cells) -> str:
    """Return what stands in the cells without a value, in words; "" where every cell has one."""
    rows = zip(table.words, table.values.tolist(), strict=True)
    without = {
        word
        for words, values in rows
        for word, value in zip(words, values, strict=True)
        if known(value) is None
    }
    said = [f"{word}: {says}" for word, says in _EMPTY.items() if word in without]
    return "; ".join(["no value", *said]) if without else ""
