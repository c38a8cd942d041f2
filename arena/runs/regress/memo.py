"""A store that keeps what was measured, and never writes a key to disk."""

from __future__ import annotations

from pathlib import Path

from arena.game.match.steps.step_cache import SECRET, MemoryMemo, Parts
from arena.runs.store import Store
from arena.world.bundle import Bundle


class KeylessStore(Store):
    """A store in which steps with a secret part live in memory, and all others on disk."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._secret = MemoryMemo()

    def has(self, digest: str) -> bool:
        """Say whether a step's parts are there."""
        return self._secret.has(digest) or super().has(digest)

    def load(self, digest: str, part: str) -> Bundle | None:
        """Return a part, or None."""
        return self._secret.load(digest, part) or super().load(digest, part)

    def save(self, digest: str, parts: Parts) -> None:
        """Keep all parts of a step."""
        if SECRET & set(parts):
            self._secret.save(digest, parts)
        else:
            super().save(digest, parts)
