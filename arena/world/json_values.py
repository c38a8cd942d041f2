"""Plain data: values that can be written as JSON, hashed and sent through a pipe."""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
    """A JSON value: None, bool, int, float, str, or lists and string-keyed dicts of them."""
else:
    Json = Any  # pydantic takes JSON as it is, without asking which of these it is

Raw: TypeAlias = Any
"""A JSON value that was read from a file or a pipe: whoever reads it says what it must be."""
_DEEPEST = 64  # tables and lists within each other, which whatever walks through them can follow


class Frozen(BaseModel):
    """Base class of every specification: immutable, hashable by content, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def plain(self) -> dict[str, Json]:
        """Return the fields as JSON values."""
        return self.model_dump(mode="json")

    @classmethod
    def as_written(cls, raw: Raw) -> Self:
        """Return what a person wrote into a file of TOML or JSON, whose values have types.

        A text is no number and a number no truth value; a whole number may stand for any number.

        Raises:
            ValidationError: it is not of this form.
        """
        return cls.model_validate_json(json.dumps(raw, default=str), strict=True)  # dates are texts


def canonical(value: Json) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, no NaN.

    Raises:
        ValueError: the value holds NaN or an infinity.
        TypeError: the value is not JSON.

    >>> canonical({"b": 1, "a": [0.5]})
    '{"a":[0.5],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def from_json(text: str | bytes, *, finite: bool = True) -> Raw:
    """Return the value in a JSON text, whoever wrote it.

    Args:
        text: JSON; bytes are UTF-8, UTF-16 or UTF-32.
        finite: refuse NaN and infinities, which JSON does not have and Python writes.

    Raises:
        ValueError: it is no JSON, is nested too deeply, or holds what is not finite.

    >>> from_json('{"a": [0.5]}')
    {'a': [0.5]}
    """
    try:
        if not finite:
            return json.loads(text)
        return json.loads(text, parse_constant=_finite, parse_float=_finite)
    except RecursionError:
        raise ValueError("expected JSON, found it nested too deeply") from None


def from_toml(text: str) -> dict[str, Raw]:
    """Return the tables in a TOML text, whoever wrote it.

    Raises:
        ValueError: it is no TOML, or is nested too deeply.

    >>> from_toml("a = { b = [0.5] }")
    {'a': {'b': [0.5]}}
    """
    try:
        tables = tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level: list[Raw] = [tables]
    for _ in range(_DEEPEST):
        level = [part for value in level for part in _parts(value)]
    if level:
        raise ValueError("nested too deeply")
    return tables


def _parts(value: Raw) -> Iterable[Raw]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _finite(text: str) -> float:
    """Return a number as JSON writes it; 1e999 is none that a float can hold."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, found {text[:40]}")
    return value


def digest(value: Json) -> str:
    """Return the SHA-256 (64 hex digits) of the canonical JSON text of a value."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()
