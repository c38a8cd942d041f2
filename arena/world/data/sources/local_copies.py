"""Copies of published image sets on this machine: in ARENA_DATA, and in the user's cache folder."""

from __future__ import annotations

import os
from pathlib import Path

from arena.errors import DataError
from arena.world.data.dataset import Dataset, Source
from arena.world.data.sources.archives import SUFFIXES, checksum
from arena.world.data.sources.folders import read_class_folders

_PUBLISHED = {  # archives with known content: name, then SHA-256
    "cifar10": (
        "cifar10-jpeg.tar.gz",
        "70260124a4d2364bd32a0a222ddcd4197d2afa56725518368da092f67d4c29fe",
    ),
    "mnist": (
        "mnist-png.tar.gz",
        "327fb505d7fea86918edd5eeb1f44bcea608497f1e8d52ff37b28dcf555dc794",
    ),
}


def arena_data() -> Path | None:
    """Return the folder that the environment variable ARENA_DATA names, or None if it is not set.

    Raises:
        DataError: it names no folder.
    """
    text = os.environ.get("ARENA_DATA")
    if not text:
        return None
    path = Path(text).expanduser()
    if not path.is_dir():
        raise DataError(f"expected a folder in ARENA_DATA, found {text!r}; correct or unset it")
    return path


def offline_copy(name: str, folder: Path) -> Path | None:
    """Return what holds the data set in a folder: a published archive, or class folders."""
    published = [_PUBLISHED[name][0]] if name in _PUBLISHED else []
    candidates = [*published, *(name + suffix for suffix in SUFFIXES), name]
    return next((folder / each for each in candidates if (folder / each).exists()), None)


def offline_text(name: str) -> Path:
    """Return the file `<name>.txt` in ARENA_DATA.

    Raises:
        DataError: there is no such folder or file.
    """
    folder = arena_data()
    path = None if folder is None else folder / f"{name}.txt"
    if path is None or not path.is_file():
        where = "no such folder" if folder is None else f"no {name}.txt in {folder}"
        raise DataError(
            f"expected the text {name!r} in the folder that ARENA_DATA names, found {where}; "
            "put the file there, or load a text of your own as text:PATH"
        )
    return path


def read_copy(path: Path, name: str, n_classes: int, shape: tuple[int, ...]) -> Source | Dataset:
    """Read what `offline_copy` returned.

    Raises:
        DataError: it is not the published archive, or holds other classes or shapes (C, H, W).
    """
    published, expected = _PUBLISHED.get(name, ("", ""))
    if path.name == published and (found := checksum(path)) != expected:
        raise DataError(
            f"expected the SHA-256 {expected} of {path.name}, found {found}; "
            "copy or download it again"
        )
    content = read_class_folders(path, name)
    some = content if isinstance(content, Dataset) else content.train
    if (some.n_classes, some.input_shape) != (n_classes, shape):
        raise DataError(
            f"expected {n_classes} classes of {shape} for {name}, found {some} "
            f"in {path.name}; load it as archive:PATH or folder:PATH instead"
        )
    return content
