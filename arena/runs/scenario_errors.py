"""Problems in a scenario file as sentences, each with its line and a suggestion."""

from __future__ import annotations

import datetime
import difflib
import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from arena.errors import ScenarioError, did_you_mean
from arena.world.json_values import Json

Location = tuple[str | int, ...]

_SLIP = 0.75
"""How alike a key and a known one are where the first is the second, mistyped."""
_BITS = 14_000  # of the longest whole number: Python prints none that is much longer
_LONGEST = 60  # characters of a value that a sentence shows
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "bool_type": "true or false",
        "int_type": "a whole number",
        "float_type": "a number",
        "string_type": "a text",
        "dict_type": "a table",
        "model_type": "a table",
    }
)
"""What TOML calls what pydantic expected."""


@contextmanager
def said_of(path: Path) -> Iterator[None]:
    """Let what is wrong in a file be said with the file's name."""
    try:
        yield
    except ScenarioError as error:
        raise ScenarioError(f"{path.name}: {problem}" for problem in error.problems) from error


def place(text: str, where: Location) -> str:
    """Return `line N: ` for a place in a TOML text; nothing where no line can be named.

    Args:
        text: the TOML text.
        where: keys and list positions, as pydantic reports them.
    """
    line = _line(text.splitlines(), where)
    return f"line {line}: " if line else ""


def _line(lines: list[str], where: Location) -> int:
    """Return the 1-based line on which a key, or the nearest table above it, is written."""
    start, at, table = 0, 0, ""
    end = next((n for n, line in enumerate(lines) if _head(line)), len(lines))
    for i, part in enumerate(where):
        if isinstance(part, int):
            continue
        path = f"{table}.{part}" if table else part
        number = where[i + 1] if i + 1 < len(where) and isinstance(where[i + 1], int) else 0
        heads = [n for n, line in enumerate(lines) if _head(line) == path]
        if heads and int(number) < len(heads):
            at = start = heads[int(number)]
            end = next((n for n in range(at + 1, len(lines)) if _ends(lines[n], path)), len(lines))
            table = path
            continue
        key = re.compile(rf"^\s*\"?{re.escape(part)}\"?\s*(=|\.)")
        found = next((n for n in range(start, end) if key.match(lines[n])), None)
        if found is None:
            break
        at = start = found
        table = path
        return found + 1
    return at + 1 if lines and where and _head(lines[at]) else 0


def _head(line: str) -> str:
    match = re.match(r"^\s*\[\[?\s*([^\]\[]+?)\s*\]\]?\s*(#.*)?$", line)
    return match.group(1) if match else ""


def _ends(line: str, path: str) -> bool:
    head = _head(line)
    return bool(head) and not head.startswith(f"{path}.")


def refuse_strange(raw: Json, text: str, *, dates: bool = False) -> None:
    """Refuse values that TOML or Python knows and JSON does not; dates may be meant.

    Raises:
        ScenarioError: with one sentence for each, which has its line in the text.
    """
    strange = [place(text, where) + problem for where, problem in strange_values(raw, dates=dates)]
    if strange:
        raise ScenarioError(strange)


def strange_values(
    raw: Json, where: Location = (), *, dates: bool = False
) -> Iterator[tuple[Location, str]]:
    """Yield the place of every value that JSON does not know, with what is wrong."""
    if isinstance(raw, dict | list | tuple):
        entries = raw.items() if isinstance(raw, dict) else enumerate(raw)
        for key, value in entries:
            yield from strange_values(value, (*where, key), dates=dates)
        return
    name = ".".join(str(part) for part in where)
    if isinstance(raw, float) and not math.isfinite(raw):
        yield where, f"{name!r}: expected a finite number, found {raw}"
    elif isinstance(raw, int) and raw.bit_length() > _BITS:
        yield where, f"{name!r}: expected a number of at most {_BITS} bits, found a longer one"
    elif not isinstance(raw, str | int | float | None) and not (dates and _is_date(raw)):
        yield where, f"{name!r}: expected a number, a text or a truth value, found {raw}"


def _is_date(value: object) -> bool:
    return isinstance(value, datetime.date | datetime.time)


def sentences(error: ValidationError, text: str, root: type[BaseModel]) -> list[str]:
    """Return one sentence for each thing that pydantic found wrong."""
    said = []
    for problem in error.errors(include_url=False):
        if problem["type"] == "too_short" and len(problem["input"]) >= problem["ctx"]["min_length"]:
            continue  # long enough as it was written: what is wrong with its entries is said
        if problem["loc"][-1:] == ("str",) and isinstance(problem["input"], dict):
            continue  # a table in the place of a name: what is wrong in the table is said
        sentence = place(text, problem["loc"]) + _sentence(problem, root)
        if sentence not in said:
            said.append(sentence)
    return said


def _sentence(problem: Any, root: type[BaseModel]) -> str:
    unknown = problem["loc"][-1:] if problem["type"] == "extra_forbidden" else ()
    known = problem["loc"][: len(problem["loc"]) - len(unknown)]
    where = tuple(part for part in known if not _is_branch(part)) + unknown
    name = ".".join(str(part) for part in where)
    found = shown(problem["input"])
    if problem["type"] == "extra_forbidden":
        fields = _fields(root, where[:-1])
        return f"unknown key {name!r}{_instead(str(where[-1]), problem['input'], fields)}"
    if problem["type"] == "missing":
        return f"expected a key {name!r}, found none; add it"
    if problem["type"] == "tuple_type":
        return f"{name!r}: expected a list, found {found}; {_as_list(str(where[-1]), problem)}"
    if problem["type"] == "too_short":
        return f"{name!r}: expected a list of at least one, found {found}; add one"
    if problem["type"] in _WORDS:
        return f"{name!r}: expected {_WORDS[problem['type']]}, found {found}"
    message = problem["msg"]
    message = message[0].lower() + message[1:]
    for prefix in ("value error, ", "input should be ", "expected "):
        message = message.removeprefix(prefix)
    return f"{name!r}: expected {message}, found {found}"


def shown(value: object) -> str:
    """Return a value as a sentence shows it: not all of a long one.

    >>> shown(True), shown("x" * 99)[-6:]
    ('true', 'xxx...')
    """
    text = _toml(value) if isinstance(value, bool) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _instead(key: str, value: Json, fields: list[str]) -> str:
    """Return what to write in place of an unknown key: a known one, or a player's settings."""
    if difflib.get_close_matches(key, fields, n=1, cutoff=_SLIP):
        return did_you_mean(key, fields)
    settings = f"settings = {{ {key} = {_toml(value)} }}"
    known = f"; known are {', '.join(fields)}; of a"
    if "settings" in fields:
        return f"{known} player's own settings write {settings}"
    if "moves" in fields:
        return f'{known} move\'s own settings write moves = [{{ move = "...", {settings} }}]'
    return did_you_mean(key, fields)


def _as_list(key: str, problem: Any) -> str:
    """Return what to write in place of one thing where a list is expected."""
    if isinstance(problem["input"], str | int | float | dict):
        return f"write {key} = [{_toml(problem['input'])}]"
    return f"write {key} = [...]"


def _toml(value: Json) -> str:
    """Return a value as TOML writes it on one line.

    >>> _toml({"move": "prune", "settings": {"rate": 0.5}, "against": ["a", True]})
    '{ move = "prune", settings = { rate = 0.5 }, against = ["a", true] }'
    """
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {_toml(part)}" for key, part in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False, default=str)


def _is_branch(part: str | int) -> bool:
    """Say whether a part of a location only names a branch of a union (`str`, a model's name)."""
    return isinstance(part, str) and (part in ("str", "int", "float", "bool") or part[:1].isupper())


def _fields(root: type[BaseModel], where: Location) -> list[str]:
    """Return the keys that are known at a place."""
    model: Any = root
    for part in where:
        if isinstance(part, str) and model is not None:
            model = (
                _model_in(model.model_fields[part].annotation)
                if part in model.model_fields
                else None
            )
    return sorted(model.model_fields) if model is not None else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
