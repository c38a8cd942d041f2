"""Decoded data sets kept as one file each, so that images are decoded once."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path

from arena.errors import ArenaError, StoreError
from arena.world.bundle import Bundle
from arena.world.data.dataset import Dataset, Source
from arena.world.files.atomic_write import write_whole
from arena.world.json_values import digest

_FORMAT = 1  # raise it when the same file would be decoded otherwise
_LOG = logging.getLogger(__name__)


def through_cache(
    folder: Path, name: str, fingerprint: str, read: Callable[[], Source | Dataset]
) -> Source | Dataset:
    """Return what the cache holds for this name and fingerprint, else read it and keep it there.

    A damaged file is read anew and replaced: the cache is never the only copy.

    Raises:
        DataError: from `read`.
        StoreError: the folder cannot be written.
    """
    path = folder / _file_name(name, fingerprint)
    if path.exists():
        try:
            return _unpacked(Bundle.from_bytes(path.read_bytes()))
        except (ArenaError, OSError, KeyError) as error:
            _LOG.warning("the cached file %s is read anew: %s", path.name, error)
    content = read()
    _write(path, _packed(content).to_bytes())
    return content


def _file_name(name: str, fingerprint: str) -> str:
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower())[-40:].strip("-")
    return f"{readable}-{digest([name, fingerprint, _FORMAT])[:32]}.safetensors"


def _packed(content: Source | Dataset) -> Bundle:
    parts = (
        {"whole": content}
        if isinstance(content, Dataset)
        else {"train": content.train, "test": content.test}
    )
    some = next(iter(parts.values()))
    return Bundle(
        data={
            "name": some.name,
            "classes": list(some.classes),
            "digests": {part: held.digest() for part, held in parts.items()},
        },
        tensors={f"{part}/images": held.images for part, held in parts.items()}
        | {f"{part}/labels": held.labels for part, held in parts.items()},
    )


def _unpacked(bundle: Bundle) -> Source | Dataset:
    classes = tuple(bundle.data["classes"])
    parts = {}
    for part, expected in bundle.data["digests"].items():
        tensors = bundle.prefixed(part)
        parts[part] = Dataset(bundle.data["name"], tensors["images"], tensors["labels"], classes)
        if parts[part].digest() != expected:
            raise StoreError(f"expected the checksum {expected} of {part}, found another one")
    return parts["whole"] if "whole" in parts else Source(parts["train"], parts["test"])


def _write(path: Path, blob: bytes) -> None:
    try:
        write_whole(path, blob)
    except OSError as error:
        raise StoreError(
            f"expected to write the data cache into {path.parent}, found {error}; "
            "free some space or give another folder"
        ) from error
