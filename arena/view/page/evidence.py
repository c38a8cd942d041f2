"""The evidence of every cell as JSON: column by column, each text once, so that it stays small.

The page's script unpacks it and draws a cell only when somebody opens it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from arena.game.match.rows import RoundRow
from arena.game.rules.figures import Figure, figures
from arena.game.rules.threat import ThreatModel
from arena.view.lists.listing import grants_in_words
from arena.view.page.maps import maps
from arena.view.results.report import Report
from arena.view.results.selection import Wanted, columns
from arena.world.json_values import Json, Raw, canonical

_FIGURES = figures(RoundRow)
_DIGITS = 6  # significant digits of a number on the page; the ledger has all of them
_PLAIN = (bool, int, float, type(None))
_FIRST = ("caught", "payoff", "p_value", "utility", "kept", "gain")  # what a cell is opened for
_ROLES = {"gain_low": "thief", "gain_high": "thief", "rule_is_copy": "owner"}  # that have no tag


def evidence(report: Report) -> dict[str, Json]:
    """Return what the script of the page knows of a tournament.

    `rounds` holds the columns of the ledger that are not empty, a value for each round: a list of
    plain values, or `pool` and `at`, the distinct values and which of them each round has.
    """
    return {
        "owners": list(report.owners),
        "thieves": list(report.thieves),
        "columns": shown_columns(report.finals),
        "sorts": list(columns(Wanted())),
        "figures": {name: _told(name, figure) for name, figure in _FIGURES.items()},
        "rounds": packed_rounds(report.rounds),
        "maps": maps(report),
    }


def shown_columns(rows: Sequence[RoundRow]) -> list[Json]:
    """Return the columns of the table of cells behind the match, those by which it is read first.

    Who played is left out where the match's name says it, repeat and status where all are equal.
    """
    idle = set()
    if all(row.owner in row.match and row.thief in row.match for row in rows):
        idle |= {"owner", "thief"}
    if len({row.repeat for row in rows}) < 2:
        idle.add("repeat")
    if all(row.scored for row in rows):
        idle.add("status")
    return [name for name in dict.fromkeys((*_FIRST, *columns(Wanted()))) if name not in idle]


def packed_rounds(rows: Sequence[RoundRow]) -> dict[str, Json]:
    """Return the columns of some rounds, those left out in which nothing is known."""
    written: dict[str, Json] = {}
    for name in _FIGURES:
        values = [_written(name, getattr(row, name)) for row in rows]
        if any(value not in (None, "") for value in values):
            written[name] = packed(values)
    return written


def packed(values: Sequence[Json]) -> Json:
    """Return the values of a column, each text among them only once.

    >>> packed([0.5, None])
    [0.5, None]
    >>> packed(["a", "b", "a"])
    {'pool': ['a', 'b'], 'at': [0, 1, 0]}
    """
    if all(isinstance(value, _PLAIN) for value in values):
        return list(values)
    pool: dict[Any, int] = {}
    at = [pool.setdefault(value, len(pool)) for value in values]
    return {"pool": list(pool), "at": list(at)}


def _written(name: str, value: Any) -> Json:
    """Return a value of the ledger as the page has it: plain, or a text that a person can read."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, _PLAIN):
        return value
    if name == "threat":
        return grants_in_words(ThreatModel.model_validate(value)) if value else ""
    if name == "settings":
        return _settings(value.get("settings") or {})
    if isinstance(value, tuple):
        return "; ".join(map(str, value))
    if isinstance(value, dict):
        return canonical(value) if value else ""
    return str(value)


def _settings(chosen: Mapping[str, Raw]) -> str:
    said = "; ".join(f"{name} = {canonical(value)}" for name, value in chosen.items())
    return said or "the defaults"


def _told(name: str, figure: Figure) -> dict[str, Json]:
    """Return how a figure is called, written and sorted in."""
    told: dict[str, Json] = {
        "says": figure.says or name.removesuffix("_s").replace("_", " "),
        "role": _ROLES.get(name, figure.tag.partition("/")[0]),
    }
    if figure.says:
        told["form"] = figure.form
    if figure.unit:
        told["unit"] = figure.unit
    if figure.curve:
        told["curve"] = True
    return told


def as_text(found: dict[str, Json]) -> str:
    r"""Return evidence as JSON that can stand in a script element, whatever players wrote.

    >>> print(as_text({"a": "</script>"}))
    {"a":"\u003c/script>"}
    """
    text = json.dumps(found, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", r"\u003c")
