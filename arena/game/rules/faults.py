"""A player's fault in words: what was raised, and in which line of the player's own code."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

from arena import ROOT

_LIBRARIES = (sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
_NOT_PLAYERS = tuple(Path(folder).resolve() for folder in (str(ROOT / "arena"), *_LIBRARIES))


def fault_in_words(error: BaseException) -> str:
    """Return an error's type and message, with the innermost line that is a player's.

    Code of the arena, of Python and of installed packages is not a player's; shipped players are.

    >>> fault_in_words(ValueError("expected 3, got 4"))
    'ValueError: expected 3, got 4'
    """
    said = f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not _installed(frame.filename)]
    return f"{said} ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else said


def _installed(file: str) -> bool:
    if file.startswith("<"):  # made while it ran: no line to look at
        return True
    shipped = any(Path(ROOT, side) in Path(file).parents for side in ("attackers", "defenders"))
    return not shipped and any(Path(file).resolve().is_relative_to(each) for each in _NOT_PLAYERS)
