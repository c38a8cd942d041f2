"""What plays a tournament, or one cell of it, again: scenarios as TOML."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping

from arena.errors import StoreError
from arena.view.results.report import Report
from arena.world.json_values import Json, Raw

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_APART = ("owner", "thief", "repeats", "experiment")
_NAMED = ("name", "description")  # a cell has its own


def toml_value(value: Raw) -> str:
    """Return a JSON value as TOML on one line; what is null in a table is left out.

    >>> toml_value({"a": [1, True], "b": None, "c d": "x"})
    '{ a = [1, true], "c d" = "x" }'
    """
    if isinstance(value, Mapping):
        items = [f"{_key(name)} = {toml_value(v)}" for name, v in value.items() if v is not None]
        return f"{{ {', '.join(items)} }}" if items else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    if value is None:
        raise StoreError("expected a list without nulls in a scenario, found one; look into it")
    return _written(value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _written(name)


def _written(value: str | float) -> str:
    """Return a plain value; TOML writes it as JSON does, but for one more letter to escape."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def parts(report: Report) -> dict[str, Json]:
    """Return the pieces of which the scenario of one cell is made, as TOML.

    It is a name and a description of its own, which says the tournament's `name`, then `head`,
    `repeats = ` the number of repeats up to that of the cell, and lists of the one owner and the
    one thief. Seeds hang on the names of these two, so the cell plays as it did among the others.
    """
    scenario = report.facts["scenario"]
    owners = zip(report.owners, scenario["owner"], strict=True)
    thieves = zip(report.thieves, scenario["thief"], strict=True)
    return {
        "name": report.name,
        "head": _head(scenario, (*_APART, *_NAMED)),
        "owners": {name: toml_value(table) for name, table in owners},
        "thieves": {
            name: toml_value({key: value for key, value in table.items() if key != "against"})
            for name, table in thieves
        },
        "secret": bool(report.facts.get("secret")),
    }


def _head(scenario: Mapping[str, Raw], apart: Collection[str] = _APART) -> str:
    """Return what a scenario says of itself, but for some fields."""
    lines = [
        f"{_key(name)} = {toml_value(value)}"
        for name, value in scenario.items()
        if name not in apart and value is not None
    ]
    return "\n".join(lines) + "\n"


def whole_scenario(report: Report) -> str:
    """Return the scenario of a whole tournament as TOML."""
    scenario = report.facts["scenario"]
    tables = {
        name: ",\n".join(f"  {toml_value(table)}" for table in scenario[name])
        for name in ("owner", "thief")
    }
    return (
        f"{_head(scenario)}repeats = {scenario['repeats']}\n"
        f"owner = [\n{tables['owner']},\n]\nthief = [\n{tables['thief']},\n]\n"
    )


def command(report: Report) -> str:
    """Return what to type to play a tournament again, from the file that the page shows."""
    secret = " --secret FILE" if report.facts.get("secret") else ""
    task = report.facts.get("task", {})
    usual = "bfloat16" if task.get("device") == "cuda" else "float32"
    precision = task.get("precision", usual)
    other = f" --precision {precision}" if precision != usual else ""
    return f"arena run {report.name}.toml --out again{other}{secret}"
