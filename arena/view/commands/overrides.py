"""`--set key=value`: changes from the command line, with TOML values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from arena.errors import ScenarioError
from arena.runs.scenario_errors import shown, strange_values
from arena.world.json_values import Json, from_toml

_KEY = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,15}")
_TRY: Mapping[str, str] = MappingProxyType(
    {"--set": "repeats=2", "--recipe": "lr=0.01", "--thief": "rate=0.9"}
)
_BARE = re.compile(r"[A-Za-z][\w.:/,-]*")


def parse_changes(texts: Iterable[str], option: str = "--set") -> dict[str, Json]:
    """Return dotted keys and their values; a bare word is a string.

    Args:
        texts: `key=value` each.
        option: the one that gave them.

    Raises:
        ScenarioError: with one sentence for each text that is not `key=value`.

    >>> parse_changes(["task.recipe.epochs=3", "task.data=mnist", 'name="x"'])
    {'task.recipe.epochs': 3, 'task.data': 'mnist', 'name': 'x'}
    """
    changes: dict[str, Json] = {}
    problems = []
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not _KEY.fullmatch(key):
            problems.append(
                f"{option}: expected key=value, found {shown(text)}; try {option} {_TRY[option]}"
            )
            continue
        try:
            changes[key] = _value(value)
        except ValueError as error:
            problems.append(
                f"{option} {key}: expected a TOML value, found {shown(value)} ({error})"
            )
            continue
        problems += [f"{option} {problem}" for _, problem in strange_values(changes[key], (key,))]
    if problems:
        raise ScenarioError(problems)
    return changes


def _value(text: str) -> Json:
    try:
        tables = from_toml(f"value = {text}")
    except ValueError:
        if _BARE.fullmatch(text):
            return text
        raise
    if len(tables) > 1:
        raise ValueError("more than one value")
    found: Json = tables["value"]
    return found
