"""Data sets by name: what there is, where it is found, and the one call that loads it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

from arena.errors import DataError, did_you_mean
from arena.world.data.bundled import bundled_version, read_bundled
from arena.world.data.cache import through_cache
from arena.world.data.dataset import Dataset, Source
from arena.world.data.folders import read_class_folders
from arena.world.data.members import SUFFIXES, checksum, fingerprint
from arena.world.data.strata import stratified
from arena.world.data.vision import read_vision
from arena.world.rng import Rng

_BUNDLED = "bundled with scikit-learn"
_PUBLIC = "torchvision (download) or ARENA_DATA"
_SHARES = (0.75, 0.25)  # train and test, where a source has no test part
_PATHS = ("folder:PATH", "archive:PATH")
_AN = {"folder": "a folder", "archive": "an archive"}


@dataclass(frozen=True)
class DataInfo:
    """What is known of a data set before it is loaded."""

    name: str
    classes: int
    shape: tuple[int, ...]  # of one example: (C, H, W) or (D,)
    n_train: int
    n_test: int
    origin: str


_KNOWN = (
    DataInfo("digits", 10, (1, 8, 8), 1347, 450, _BUNDLED),
    DataInfo("breast-cancer", 2, (30,), 427, 142, _BUNDLED),
    DataInfo("wine", 3, (13,), 133, 45, _BUNDLED),
    DataInfo("mnist", 10, (1, 28, 28), 60_000, 10_000, _PUBLIC),
    DataInfo("fashion-mnist", 10, (1, 28, 28), 60_000, 10_000, _PUBLIC),
    DataInfo("kmnist", 10, (1, 28, 28), 60_000, 10_000, _PUBLIC),
    DataInfo("cifar10", 10, (3, 32, 32), 50_000, 10_000, _PUBLIC),
    DataInfo("cifar100", 100, (3, 32, 32), 50_000, 10_000, _PUBLIC),
    DataInfo("svhn", 10, (3, 32, 32), 73_257, 26_032, _PUBLIC),
)

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


@dataclass(frozen=True)
class _Origin:
    """Where a data set comes from; two with one name and fingerprint have the same content."""

    name: str
    fingerprint: str
    read: Callable[[], Source | Dataset] = field(compare=False)


def known() -> tuple[DataInfo, ...]:
    """Return the data sets that have a name; nothing is loaded."""
    return _KNOWN


def load(name: str, *, seed: int = 0, cache: Path | None = None) -> Source:
    """Load a data set; called again with the same arguments, it returns the same object.

    Args:
        name: one of `known()`, or `folder:PATH` or `archive:PATH` for images in class folders.
        seed: cuts a test part off a source that has none: a quarter of every class.
        cache: a folder that keeps decoded images; None keeps none. Downloads go there too.

    Raises:
        DataError: the name is not known, or the data are missing, damaged, unsafe or unfit.
        StoreError: the cache cannot be written.
    """
    content = _content(_locate(name, cache), cache)
    return content if isinstance(content, Source) else _divided(content, seed)


@lru_cache(maxsize=4)
def _content(origin: _Origin, cache: Path | None) -> Source | Dataset:
    if cache is None:
        return origin.read()
    return through_cache(cache, origin.name, origin.fingerprint, origin.read)


@lru_cache(maxsize=16)
def _divided(whole: Dataset, seed: int) -> Source:
    # the stream has a fixed name: a folder that moves keeps its parts
    train, test = stratified(whole, _SHARES, Rng(seed).child("data", "test part"))
    return Source(whole.select(train), whole.select(test))


def _locate(name: str, cache: Path | None) -> _Origin:
    kind, _, place = name.partition(":")
    if kind in ("folder", "archive") and place:
        path = _existing(Path(place).expanduser(), kind)
        return _Origin(name, fingerprint(path), partial(read_class_folders, path, name))
    info = next((info for info in _KNOWN if info.name == name), None)
    if info is None:
        names = [*(info.name for info in _KNOWN), *_PATHS]
        raise DataError(
            f"expected the name of a data set, found {name!r}{did_you_mean(name, names)}"
        )
    if info.origin == _BUNDLED:
        return _Origin(name, bundled_version(), partial(read_bundled, name))
    return _public(info, cache)


def _existing(path: Path, kind: str) -> Path:
    if not path.exists():
        raise DataError(f"expected {_AN[kind]} at {path}, found nothing there; check the path")
    if path.is_dir() != (kind == "folder"):
        found, other = ("a folder", "folder") if path.is_dir() else ("a file", "archive")
        raise DataError(f"expected {_AN[kind]} at {path}, found {found}; write {other}:{path}")
    if kind == "archive" and not path.name.endswith(SUFFIXES):
        raise DataError(
            f"expected an archive ({', '.join(SUFFIXES)}), found {path.name}; pack it so"
        )
    return path


def _public(info: DataInfo, cache: Path | None) -> _Origin:
    offline = _arena_data()
    path = None if offline is None else _offline_copy(info.name, offline)
    if path is not None:
        return _Origin(info.name, fingerprint(path), partial(_read_copy, info, path))
    downloads = (cache or _user_cache()) / "downloads"
    return _Origin(info.name, "torchvision", partial(read_vision, info.name, downloads, offline))


def _arena_data() -> Path | None:
    text = os.environ.get("ARENA_DATA")
    if not text:
        return None
    path = Path(text).expanduser()
    if not path.is_dir():
        raise DataError(f"expected a folder in ARENA_DATA, found {text!r}; correct or unset it")
    return path


def _offline_copy(name: str, folder: Path) -> Path | None:
    """Return what holds the data set in ARENA_DATA: a published archive, or class folders."""
    published = [_PUBLISHED[name][0]] if name in _PUBLISHED else []
    candidates = [*published, *(name + suffix for suffix in SUFFIXES), name]
    return next((folder / each for each in candidates if (folder / each).exists()), None)


def _read_copy(info: DataInfo, path: Path) -> Source | Dataset:
    published, expected = _PUBLISHED.get(info.name, ("", ""))
    if path.name == published and checksum(path) != expected:
        raise DataError(
            f"expected the SHA-256 {expected} of {path.name}, found {checksum(path)}; "
            "copy or download it again"
        )
    content = read_class_folders(path, info.name)
    some = content if isinstance(content, Dataset) else content.train
    if (some.n_classes, some.input_shape) != (info.classes, info.shape):
        raise DataError(
            f"expected {info.classes} classes of {info.shape} for {info.name}, found {some} "
            f"in {path.name}; load it as archive:PATH or folder:PATH instead"
        )
    return content


def _user_cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "copyright-arena"
