"""Waiting for other threads."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_for(happened: Callable[[], bool]) -> None:
    """Wait until something has happened in another thread, for a minute at most."""
    until = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.005)
