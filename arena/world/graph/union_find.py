"""Channels that must move together: disjoint sets, and the marks that their members carry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum, auto


class Mark(Enum):
    """What an operation on a channel rules out, or says about its activation."""

    FROZEN = auto()  # the input, the logits, or not understood: never touched
    FIXED_WIDTH = auto()  # the number of channels is written into the code
    FIXED_SCALE = auto()
    HOMOGENEOUS = auto()
    ODD = auto()
    POINTWISE = auto()


class Ties:
    """Numbered channels in disjoint sets (union by path halving).

    Source: Tarjan 1975, "Efficiency of a good but not linear set union algorithm".
    """

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._marked: dict[Mark, set[int]] = {mark: set() for mark in Mark}

    def fresh(self, n_channels: int) -> list[int]:
        """Return that many new channels, tied to nothing."""
        first = len(self._parent)
        self._parent.extend(range(first, first + n_channels))
        return list(range(first, first + n_channels))

    def root(self, channel: int) -> int:
        """Return the channel that stands for the whole set of this one."""
        parent = self._parent
        while parent[channel] != channel:
            parent[channel] = parent[parent[channel]]
            channel = parent[channel]
        return channel

    def tie(self, first: Sequence[int], second: Sequence[int]) -> None:
        """Unite two equally long lists of channels, place by place."""
        for one, other in zip(first, second, strict=True):
            one, other = self.root(one), self.root(other)
            self._parent[max(one, other)] = min(one, other)

    def mark(self, mark: Mark, channels: Iterable[int]) -> None:
        """Mark channels, and with them all that they are or will be tied to."""
        self._marked[mark].update(channels)

    def marked(self, mark: Mark) -> set[int]:
        """Return the roots of all sets that hold a marked channel."""
        return {self.root(channel) for channel in self._marked[mark]}
