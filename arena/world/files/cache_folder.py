"""The folder in which decoded data, downloads and lists are kept between commands."""

from __future__ import annotations

import functools
import logging
import os
from pathlib import Path

from arena.errors import StoreError

_LOG = logging.getLogger(__name__)


def user_cache() -> Path:
    """Return the folder for what this user has downloaded.

    Raises:
        StoreError: the user has no home.
    """
    home = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(home) if home else Path.home() / ".cache") / "copyright-arena"
    except RuntimeError as error:
        raise StoreError(
            "expected a home folder to keep data in, found none; name a folder in ARENA_CACHE"
        ) from error


def cache_folder() -> Path | None:
    """Return where decoded data are kept: $ARENA_CACHE, or the user's cache folder.

    Where that cannot be written it is None, said once: data are then decoded anew each time.
    """
    named = os.environ.get("ARENA_CACHE")
    try:
        folder = Path(named).expanduser() if named else user_cache()
    except (StoreError, RuntimeError) as error:
        _warn(str(error))
        return None
    return folder if _can_be_written(folder) else None


@functools.cache
def _can_be_written(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return True
        reason = "it is read-only"
    except OSError as error:
        reason = error.strerror or str(error)
    _warn(f"decoded data are not kept in {folder} ({reason}); name another folder in ARENA_CACHE")
    return False


@functools.cache
def _warn(sentence: str) -> None:
    _LOG.warning("%s", sentence)
