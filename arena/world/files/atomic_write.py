"""Files that are there whole or not at all, also after a crash."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_whole(path: Path, blob: bytes, *, private: bool = False) -> None:
    """Write under a temporary name in the same folder (made if missing), sync, rename.

    Args:
        path: the file.
        blob: its content.
        private: let nobody but this user read it; otherwise the umask says who may.

    Raises:
        OSError: the folder cannot be written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.parent / f".tmp-{secrets.token_hex(8)}"
    try:
        handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
        with os.fdopen(handle, "wb") as file:
            file.write(blob)
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
