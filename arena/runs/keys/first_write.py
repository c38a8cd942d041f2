"""Files of which the first writer counts: a secret, an identity."""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path

from arena.world.files.atomic_write import write_whole


def write_first(path: Path, blob: bytes, *, private: bool = False) -> None:
    """Write a file, whole, unless there is one: of several first writers all read the same.

    Args:
        path: the file.
        blob: its content.
        private: let nobody but this user read it; otherwise the umask says who may.

    Raises:
        OSError: the folder cannot be written, or its disk has no hard links; nothing is left
            behind.
    """
    own = path.parent / f".tmp-first-{secrets.token_hex(8)}"
    try:
        write_whole(own, blob, private=private)
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(own)
    finally:
        own.unlink(missing_ok=True)
