"""A connection that gives up on whoever sends the head of a request too slowly.

uvicorn waits for ever for the end of a head; each connection that drips one takes a place of the
few that a server has.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE_S = 30.0  # how long the head of a request may take to arrive


class ImpatientConnection(H11Protocol):
    """HTTP/1.1 with a clock that runs while a head is being waited for."""

    _clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock: somebody who connects has something to ask."""
        super().connection_made(transport)
        self._clock = self.loop.call_later(PATIENCE_S, self.transport.close)

    def data_received(self, data: bytes) -> None:
        """Take some bytes; the clock runs from the first of a head to its last."""
        if self._clock is None and not self._is_answering():
            self._clock = self.loop.call_later(PATIENCE_S, self.transport.close)
        super().data_received(data)
        if self._is_answering():
            self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop()
        super().connection_lost(exc)

    def _is_answering(self) -> bool:
        """Return whether a head was read whose request is not answered yet."""
        return self.cycle is not None and not self.cycle.response_complete

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
