"""Stamped folders: they say what they were made from, and are made again where that changed."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import arena
from arena.world.json_values import Json, digest

STAMP = "made-from"


def stamp_of(made_from: Json) -> str:
    """Return the text of the stamp for what a folder is made from."""
    return digest([arena.__version__, made_from])


def is_current(folder: Path, stamp: str) -> bool:
    """Say whether a folder is complete and carries that stamp."""
    try:
        return (folder / STAMP).read_text(encoding="utf-8") == stamp
    except OSError:
        return False


@contextlib.contextmanager
def renewed(folder: Path, stamp: str) -> Iterator[None]:
    """Empty a folder, let it be filled, and stamp it last: a crash leaves it without a stamp."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield
    (folder / STAMP).write_text(stamp, encoding="utf-8")


def safe_name(title: str) -> str:
    """Return a file name for any title; titles that differ have names that differ.

    >>> safe_name("uchida-vs-none-0")
    'uchida-vs-none-0'
    """
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", title)
    if title and safe == title and not title.startswith((".", "_")):
        return title
    return f"x-{safe}-{hashlib.sha256(title.encode()).hexdigest()[:8]}"
