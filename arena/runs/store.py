"""The artefact store: what every step produced, named by the step's recipe.

A part is a file `<digest>.<part>`; `<digest>.done` names the step, lists its parts with their
SHA-256, seals both with a SHA-256 of its own and is written last. Everything is written to a
temporary name, synced and renamed, so a reader sees a whole step or none. A part or a list that
does not match its checksum, or is another step's, is as good as missing: the step is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path

from arena.errors import StoreError
from arena.game.match.steps.step_cache import SECRET, Parts
from arena.world.bundle import Bundle
from arena.world.files.atomic_write import write_whole
from arena.world.files.file_lock import hold
from arena.world.json_values import Json, canonical, from_json
from arena.world.json_values import digest as sha256

ARTEFACTS = "artefacts"
"""The name of the store in the folder of whatever was made."""

_REMEMBERED = 4096  # small bundles kept in memory, so that replays cost no file
_SMALL = 1 << 16  # bytes


def sealed(step: str, sums: Mapping[str, str]) -> bytes:
    """Return the list of a step's parts with their checksums, bound to the step and sealed."""
    content: dict[str, Json] = {"step": step, "parts": dict(sums)}
    return canonical({**content, "seal": sha256(content)}).encode()


def unsealed(step: str, blob: bytes) -> dict[str, str] | None:
    """Return the checksums in a list of parts; None where it is not, whole, the list of this step.

    >>> unsealed("a1", sealed("a1", {"model": "ff"}))
    {'model': 'ff'}
    >>> unsealed("b2", sealed("a1", {"model": "ff"})) is None
    True
    """
    try:
        read = from_json(blob)
        content = {"step": step, "parts": read["parts"]}
        sound = read == {**content, "seal": sha256(content)}
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    sums: dict[str, str] = content["parts"]
    return sums if sound else None


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

    def path(self, digest: str, part: str) -> Path:
        """Return the file of a part, or of the list of a step's parts (`done`)."""
        return self.root / digest[:2] / f"{digest}.{part}"

    def _sums(self, digest: str) -> dict[str, str] | None:
        """Return the checksum of each part of a finished step."""
        try:
            return unsealed(digest, self.path(digest, "done").read_bytes())
        except OSError:
            return None

    def has(self, digest: str) -> bool:
        """Say whether a step is finished and its parts are all there."""
        sums = self._sums(digest)
        return sums is not None and all(self.path(digest, part).is_file() for part in sums)

    def load(self, digest: str, part: str) -> Bundle | None:
        """Return a part; None where it was never made or its bytes are not what was written."""
        known = self._memory.get((digest, part))
        if known is not None:
            return known
        sums = self._sums(digest) or {}
        blob = self._checked(digest, part, sums[part]) if part in sums else None
        if blob is None:
            return None
        bundle = Bundle.from_bytes(blob)
        if len(blob) <= _SMALL:
            self._remember((digest, part), bundle)
        return bundle

    def _checked(self, digest: str, part: str, checksum: str) -> bytes | None:
        """Return the bytes of a part; None, and the step as good as missing, where they changed."""
        try:
            blob = self.path(digest, part).read_bytes()
        except OSError:
            blob = b""
        if hashlib.sha256(blob).hexdigest() == checksum:
            return blob
        self.path(digest, "done").unlink(missing_ok=True)  # the step will be made again
        return None

    def blobs(self, digest: str) -> dict[str, bytes] | None:
        """Return the bytes of all parts of a step; None where one of them is not what was saved."""
        found = {}
        for part, checksum in (self._sums(digest) or {}).items():
            blob = self._checked(digest, part, checksum)
            if blob is None:
                return None
            found[part] = blob
        return found or None

    def _remember(self, name: tuple[str, str], bundle: Bundle) -> None:
        self._memory[name] = bundle
        if len(self._memory) > _REMEMBERED:
            self._memory.popitem(last=False)

    def save(self, digest: str, parts: Parts) -> None:
        """Keep all parts of a step; nobody else on the machine may read a secret one.

        Raises:
            StoreError: the folder cannot be written.
        """
        sums = {}
        try:
            for part, bundle in parts.items():
                blob = bundle.to_bytes()
                sums[part] = hashlib.sha256(blob).hexdigest()
                write_whole(self.path(digest, part), blob, private=part in SECRET)
            write_whole(self.path(digest, "done"), sealed(digest, sums))
        except OSError as error:
            raise StoreError(
                f"cannot write {error.filename2 or error.filename or self.root} "
                f"({error.strerror}); free some space, or remove what is in its place"
            ) from error

    @contextlib.contextmanager
    def lock(self, digest: str) -> Iterator[None]:
        """Hold a step among all processes; the lock of a killed process is free again."""
        with hold(self.root / "locks" / digest):
            yield
