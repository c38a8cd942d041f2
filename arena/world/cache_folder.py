"""The folder in which decoded data, downloads and lists are kept between commands."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache() -> Path:
    """Return the folder for what this user has downloaded."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "copyright-arena"


def cache_folder() -> Path:
    """Return where decoded data are kept: $ARENA_CACHE, or the user's cache folder."""
    named = os.environ.get("ARENA_CACHE")
    return Path(named).expanduser() if named else user_cache()
