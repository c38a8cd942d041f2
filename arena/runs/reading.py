"""Reading a ledger that nobody is to write into, perhaps because nobody can."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from arena.errors import StoreError
from arena.runs.ledger import Ledger


@contextmanager
def reading(path: Path) -> Iterator[Ledger]:
    """Give a ledger to be read; a copy of it where its folder cannot be written.

    Raises:
        StoreError: the file is no ledger, or cannot be read.
    """
    if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        with closing(Ledger(path)) as ledger:
            yield ledger
        return
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / path.name
        try:
            for end in ("", "-wal"):  # SQLite's log holds what was written last
                if Path(f"{path}{end}").exists():
                    shutil.copyfile(f"{path}{end}", f"{copy}{end}")
        except OSError as error:
            raise StoreError(
                f"expected to read {path}, found {error.strerror}; ask its owner for access"
            ) from error
        with closing(Ledger(copy)) as ledger:
            yield ledger
