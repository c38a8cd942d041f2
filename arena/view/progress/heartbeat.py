"""Signs of life: what is under way, in words, said from time to time where nothing can be drawn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from arena.runs.time_needed import span_in_words

EVERY_S = 30.0


@dataclass
class UnderWay:
    """Something that takes its time.

    Attributes:
        title: what it is. share: how much of it is done, in [0, 1]; 0 also where it does not tell.
        began: when, by the clock of `time.monotonic`.
    """

    title: str
    share: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        """Return `tune against bits (30 %, for 95 seconds)`."""
        done = f"{self.share:.0%}, ".replace("%", " %") if self.share else ""
        return f"{self.title} ({done}for {seconds_since(self.began)})"


def seconds_since(began: float) -> str:
    """Return how long something has taken, in words."""
    return span_in_words([time.monotonic() - began])


class Heartbeat:
    """Calls something while it is entered, from a thread of its own, whenever it was quiet long.

    Args:
        beat: what is called. every_s: seconds of quiet before it is.
    """

    def __init__(self, beat: Callable[[], None], every_s: float = EVERY_S) -> None:
        self._beat, self._every_s = beat, every_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._go, daemon=True)
        self.put_off()

    def put_off(self) -> None:
        """Take note that something was said: quiet begins anew."""
        self._due = time.monotonic() + self._every_s

    def _go(self) -> None:
        while not self._stopped.wait(max(0.0, self._due - time.monotonic())):
            if time.monotonic() >= self._due:
                self._beat()
                self.put_off()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
