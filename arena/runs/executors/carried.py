"""Artefacts that travel with a step, to machines that do not see the tournament's folder."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from arena.game.match.steps.step_cache import Parts
from arena.world.bundle import Bundle

Blobs = Mapping[str, bytes]
"""The parts of a step, each as `Bundle.to_bytes` gives it."""


class Carried:
    """Holds what was sent along, and what is made from it. A `Memo`.

    Bundles are kept as bytes, as in a folder: what is read is never what another step changed.

    >>> memo = Carried({"a1": {"report": Bundle({"utility": 0.5}).to_bytes()}})
    >>> memo.load("a1", "report").data, memo.load("a1", "model"), memo.has("b2")
    ({'utility': 0.5}, None, False)
    >>> memo.save("b2", {"model": Bundle()})
    >>> sorted(memo.made)
    ['b2']
    """

    def __init__(self, given: Mapping[str, Blobs]) -> None:
        self._given = given
        self.made: dict[str, dict[str, bytes]] = {}

    def has(self, digest: str) -> bool:
        """Say whether a step was sent along or is made."""
        return digest in self.made or digest in self._given

    def load(self, digest: str, part: str) -> Bundle | None:
        """Return a part; None where it is not here."""
        blob = (self.made.get(digest) or self._given.get(digest, {})).get(part)
        return None if blob is None else Bundle.from_bytes(blob)

    def save(self, digest: str, parts: Parts) -> None:
        """Keep all parts of a step."""
        self.made[digest] = {part: bundle.to_bytes() for part, bundle in parts.items()}

    def lock(self, digest: str) -> contextlib.AbstractContextManager[object]:
        """Hold nothing: nobody else sees this memo."""
        return contextlib.nullcontext()
