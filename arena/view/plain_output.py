"""Output to places that do not take every character: signs they lack are written in plain ones."""

from __future__ import annotations

import codecs
from io import TextIOWrapper
from typing import TextIO

_PLAIN = {"±": "+/-", "·": ".", "…": "...", "—": "-", "→": "->", "≤": "<=", "≥": ">="}
_NAME = "arena-plain"


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
