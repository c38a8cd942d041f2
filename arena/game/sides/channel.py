"""The channel between a player and the referee, and the player's meter, which reports on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from arena.world.bundle import Bundle

Channel = Callable[[str, Bundle], Bundle]
"""(request, what it carries) -> the answer."""


@dataclass(frozen=True)
class ChannelMeter:
    """A player's meter: it only reports; the counters are the referee's."""

    channel: Channel

    def charge(self, costs: Mapping[str, float]) -> None:
        """Report what something costs; raises what the referee raises."""
        self.channel("charge", Bundle({"costs": dict(costs)}))
