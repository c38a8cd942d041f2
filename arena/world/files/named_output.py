"""Files that a person names as output: what stands there is replaced if it is of the same kind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from arena.errors import StoreError
from arena.world.files.atomic_write import write_whole


def check_output(path: Path, what: str, is_one: Callable[[Path], bool]) -> None:
    """Refuse a place where something stands that is not of the kind that is to be written.

    Args:
        path: the file that a person named.
        what: is to be written, in words: "a page of `arena page`".
        is_one: says whether a regular file is of that kind; an OSError says that it is not.

    Raises:
        StoreError: something else stands there.
    """
    if not os.path.lexists(path):  # a link that leads nowhere is something, too
        return
    try:
        same = path.is_file() and is_one(path)
    except OSError:
        same = False
    if not same:
        raise StoreError(
            f"expected {what} or nothing at {path}, found something else, which is left as it is; "
            "choose another file, or remove this one"
        )


def write_output(path: Path, blob: bytes, what: str, is_one: Callable[[Path], bool]) -> None:
    """Write a file that a person named; takes and refuses what `check_output` does.

    Raises:
        StoreError: something else stands there, or the file cannot be written.
    """
    check_output(path, what, is_one)
    try:
        write_whole(path, blob)
    except OSError as error:
        raise StoreError(
            f"expected a file that can be written at {path}, found {error.strerror}; "
            "choose another file"
        ) from error
