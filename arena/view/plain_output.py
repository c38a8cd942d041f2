"""Output to places that do not take every character, and what no terminal is to take."""

from __future__ import annotations

import codecs
import re
from collections.abc import MutableMapping
from io import TextIOWrapper
from typing import TextIO

_PLAIN = {"±": "+/-", "·": ".", "…": "...", "—": "-", "→": "->", "≤": "<=", "≥": ">="}
_NAME = "arena-plain"
_STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line feed, and those that turn the direction of writing."""
_SIZE = re.compile("0*[1-9][0-9]{0,4}")


def plain(error: UnicodeError) -> tuple[str, int]:
    """Return what is written instead of the signs that an encoding lacks, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(_PLAIN.get(sign, "?") for sign in signs), error.end


def tolerate(stream: TextIO) -> None:
    """Let a stream write every text, whatever its encoding.

    >>> from io import BytesIO
    >>> stream = TextIOWrapper(BytesIO(), "ascii")
    >>> tolerate(stream)
    >>> _ = stream.write("0.50 ± 0.01 ✓"), stream.flush()
    >>> stream.buffer.getvalue()
    b'0.50 +/- 0.01 ?'
    """
    codecs.register_error(_NAME, plain)
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors=_NAME)


def visible(text: str) -> str:
    r"""Return a text whose control characters are written out as JSON does, so that none acts.

    >>> print(visible("\x1b[31mred, \u202eand back"))
    \u001b[31mred, \u202eand back
    """
    return _STEERS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def forget_no_size(environment: MutableMapping[str, str]) -> None:
    """Drop a terminal's size that none has, COLUMNS=0 and the like: nothing would be printed.

    >>> said = {"COLUMNS": "0", "LINES": "24"}
    >>> forget_no_size(said)
    >>> said
    {'LINES': '24'}
    """
    for name in ("COLUMNS", "LINES"):
        if not _SIZE.fullmatch(environment.get(name, "1")):
            del environment[name]
