"""`--set key=value`: changes to a scenario from the command line, with TOML values."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable

from arena.errors import ScenarioError
from arena.world.json_values import Json

_KEY = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_BARE = re.compile(r"[A-Za-z][\w.:/,-]*")


def parse_changes(texts: Iterable[str]) -> dict[str, Json]:
    """Return dotted keys and their values; a bare word is a string.

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
            problems.append(f"--set: expected key=value, found {text!r}; try --set repeats=2")
            continue
        try:
            changes[key] = _value(value)
        except tomllib.TOMLDecodeError as error:
            problems.append(f"--set {key}: expected a TOML value, found {value!r} ({error})")
    if problems:
        raise ScenarioError(problems)
    return changes


def _value(text: str) -> Json:
    try:
        found: Json = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        if _BARE.fullmatch(text):
            return text
        raise
    return found
