"""What a client is told when it is not served: a status, a sentence, and perhaps when to retry."""

from __future__ import annotations

from arena.errors import ArenaError


class Refusal(ArenaError):  # noqa: N818 - a server that refuses has no error
    """A request is not served; `wait_s` is above 0 where it may be sent again after so long."""

    def __init__(self, status: int, sentence: str, wait_s: float = 0.0) -> None:
        self.status, self.wait_s = status, wait_s
        super().__init__(sentence)
