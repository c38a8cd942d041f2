"""Locks among processes: held on a file, free again when the process that held it is gone."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from arena.errors import StoreError

try:
    import fcntl
except ImportError:  # Windows: everything but locks is there
    fcntl = None  # type: ignore[assignment]


def lock_of(path: Path) -> Path:
    """Return what writers of a file wait on: not beside it, as its folder may be published."""
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"arena-{name}.lock"


@contextlib.contextmanager
def hold(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold a file (made if missing) and yield whether it is held.

    Args:
        path: the file of the lock.
        wait: until another process lets it go; otherwise yield False at once.

    Raises:
        StoreError: the system has no such locks, or the file cannot be written.
    """
    if fcntl is None:
        raise StoreError(
            "expected Linux, macOS or WSL, found a system without locks between processes; "
            "play there, for example in WSL"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise StoreError(
            f"expected a file that can be written at {path}, found {error.strerror}; "
            "mend what is in its place, or choose another --out folder"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
