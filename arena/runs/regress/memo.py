"""A memo that keeps what was measured, and never writes a key to disk."""

from __future__ import annotations

import contextlib

from arena.game.match.steps.step_cache import SECRET, MemoryMemo, Parts
from arena.runs.store import Store
from arena.world.bundle import Bundle


class KeylessStore:
    """Steps with a secret part live in memory, all others in a store. A `Memo`."""

    def __init__(self, store: Store) -> None:
        self._store, self._memory = store, MemoryMemo()

    def has(self, digest: str) -> bool:
        """Say whether a step's parts are there."""
        return self._memory.has(digest) or self._store.has(digest)

    def load(self, digest: str, part: str) -> Bundle | None:
        """Return a part, or None."""
        return self._memory.load(digest, part) or self._store.load(digest, part)

    def save(self, digest: str, parts: Parts) -> None:
        """Keep all parts of a step."""
        (self._memory if SECRET & set(parts) else self._store).save(digest, parts)

    def lock(self, digest: str) -> contextlib.AbstractContextManager[object]:
        """Hold a step among all processes."""
        return self._store.lock(digest)
