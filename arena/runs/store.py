"""The artefact store: what every step produced, named by the step's recipe.

A part is a file `<digest>.<part>`; `<digest>.done` lists the parts of a finished step with their
SHA-256 and is written last. Everything is written to a temporary name, synced and renamed, so a
reader sees a whole step or none. A part that does not match its checksum is as good as missing.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

from arena.errors import StoreError
from arena.game.match.step_cache import Parts
from arena.world.atomic_write import write_whole
from arena.world.bundle import Bundle

_REMEMBERED = 4096  # small bundles kept in memory, so that replays cost no file
_SMALL = 1 << 16  # bytes


class Store:
    """Keeps artefacts in a folder. Safe for several processes at once. A `Memo`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._memory: OrderedDict[tuple[str, str], Bundle] = OrderedDict()
        try:
            (root / "locks").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"expected a folder that can be written, found {root} ({error})"
            ) from error

    def _path(self, digest: str, part: str) -> Path:
        return self.root / digest[:2] / f"{digest}.{part}"

    def _sums(self, digest: str) -> dict[str, str] | None:
        """Return the checksum of each part of a finished step."""
        try:
            sums: dict[str, str] = json.loads(self._path(digest, "done").read_text())
        except (OSError, ValueError):
            return None
        return sums

    def has(self, digest: str) -> bool:
        """Say whether a step is finished and its parts are all there."""
        sums = self._sums(digest)
        return sums is not None and all(self._path(digest, part).exists() for part in sums)

    def load(self, digest: str, part: str) -> Bundle | None:
        """Return a part; None where it was never made or its bytes are not what was written."""
        known = self._memory.get((digest, part))
        if known is not None:
            return known
        sums = self._sums(digest)
        if sums is None or part not in sums:
            return None
        try:
            blob = self._path(digest, part).read_bytes()
        except OSError:
            blob = b""
        if hashlib.sha256(blob).hexdigest() != sums[part]:
            self._path(digest, "done").unlink(missing_ok=True)  # the step will be made again
            return None
        bundle = Bundle.from_bytes(blob)
        if len(blob) <= _SMALL:
            self._remember((digest, part), bundle)
        return bundle

    def _remember(self, name: tuple[str, str], bundle: Bundle) -> None:
        self._memory[name] = bundle
        if len(self._memory) > _REMEMBERED:
            self._memory.popitem(last=False)

    def save(self, digest: str, parts: Parts) -> None:
        """Keep all parts of a step.

        Raises:
            StoreError: the folder cannot be written.
        """
        sums = {}
        try:
            for part, bundle in parts.items():
                blob = bundle.to_bytes()
                sums[part] = hashlib.sha256(blob).hexdigest()
                write_whole(self._path(digest, part), blob)
            write_whole(self._path(digest, "done"), json.dumps(sums).encode())
        except OSError as error:
            raise StoreError(f"cannot write to {self.root}: {error}; free some space") from error

    @contextlib.contextmanager
    def lock(self, digest: str) -> Iterator[None]:
        """Hold a step among all processes; the lock of a killed process is free again."""
        with (self.root / "locks" / digest).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
