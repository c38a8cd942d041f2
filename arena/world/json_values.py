"""Plain data: values that can be written as JSON, hashed and sent through a pipe."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict

Json = Any
"""A JSON value: None, bool, int, float, str, or lists and string-keyed dicts of them."""


class Frozen(BaseModel):
    """Base class of every specification: immutable, hashable by content, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def plain(self) -> dict[str, Json]:
        """Return the fields as JSON values."""
        return self.model_dump(mode="json")


def canonical(value: Json) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, no NaN.

    Raises:
        ValueError: the value holds NaN or an infinity.
        TypeError: the value is not JSON.

    >>> canonical({"b": 1, "a": [0.5]})
    '{"a":[0.5],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Json) -> str:
    """Return the SHA-256 (64 hex digits) of the canonical JSON text of a value."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()
