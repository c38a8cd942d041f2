"""Data sets by name: what there is, where it is found, and the one call that loads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

from arena.errors import DataError, did_you_mean
from arena.world.data.cache import through_cache
from arena.world.data.dataset import Dataset, Source
from arena.world.data.own_data import AN, apart, existing, own_data
from arena.world.data.relabel import view
from arena.world.data.sources.archives import fingerprint
from arena.world.data.sources.bundled import bundled_version, read_bundled
from arena.world.data.sources.captions import (
    DIGITS_VERSION,
    MOST_DIGITS,
    N_TEST,
    N_TRAIN,
    captioned_shape,
    captions_digits,
    is_captioned,
    read_captions,
)
from arena.world.data.sources.folders import first_shape, read_class_folders
from arena.world.data.sources.local_copies import (
    arena_data,
    offline_copy,
    offline_text,
    read_copy,
)
from arena.world.data.sources.synthetic import SHAPES_VERSION, shapes
from arena.world.data.sources.texts import FABLES_VERSION, ROW, fables, read_text
from arena.world.data.sources.vision import read_vision
from arena.world.data.stratify import stratified
from arena.world.files.cache_folder import user_cache
from arena.world.rng import Rng

_BUNDLED = "bundled with scikit-learn"
_GENERATED = "generated: abstract images, a pool for thieves"
_TOLD = "generated: small stories, a text"
_READ_OUT = "bundled with scikit-learn: rows of digits, with captions"
_OFFLINE = "ARENA_DATA"
_PUBLIC = "torchvision (download) or ARENA_DATA"
_SHARES = (0.75, 0.25)  # train and test, where a source has no test part


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
    DataInfo("shapes", 10, (1, 28, 28), 20_000, 1_000, _GENERATED),
    DataInfo("captions-digits", 11, (1, 8, 8 * MOST_DIGITS), N_TRAIN, N_TEST, _READ_OUT),
    DataInfo("fables", 1, (ROW,), 1_688, 187, _TOLD),
    DataInfo("tinyshakespeare", 1, (ROW,), 7_843, 871, _OFFLINE),
    DataInfo("mnist", 10, (1, 28, 28), 60_000, 10_000, _PUBLIC),
    DataInfo("fashion-mnist", 10, (1, 28, 28), 60_000, 10_000, _PUBLIC),
    DataInfo("kmnist", 10, (1, 28, 28), 60_000, 10_000, _PUBLIC),
    DataInfo("cifar10", 10, (3, 32, 32), 50_000, 10_000, _PUBLIC),
    DataInfo("cifar100", 100, (3, 32, 32), 50_000, 10_000, _PUBLIC),
    DataInfo("svhn", 10, (3, 32, 32), 73_257, 26_032, _PUBLIC),
)


@dataclass(frozen=True)
class _Origin:
    """Where a data set comes from; two with one name and fingerprint have the same content."""

    name: str
    fingerprint: str
    read: Callable[[], Source | Dataset] = field(compare=False)


def known() -> tuple[DataInfo, ...]:
    """Return the data sets that have a name; nothing is loaded."""
    return _KNOWN


def input_shape(name: str) -> tuple[int, ...]:
    """Return the shape of one example of a data set, (C, H, W) or (D,), without loading it.

    Of a person's own images it is that of the first; where grey and colour are mixed it may lack
    two channels.

    Args:
        name: as for `load`; a view has the shape of the whole.

    Raises:
        DataError: the name is not known, or there is nothing, or no image, at the path.
    """
    base, part = apart(name)
    if part:
        return input_shape(base)
    own = own_data(base)
    if own is not None:
        path = existing(own.path, own.kind)
        if own.kind == "text":
            return (ROW,)
        return (captioned_shape if is_captioned(path) else first_shape)(path, own.form)
    return _known(name).shape


def has_captions(name: str) -> bool:
    """Say whether examples of a data set have captions in the place of classes; loads nothing.

    Raises:
        DataError: as `input_shape`.
    """
    base = apart(name)[0]
    own = own_data(base)
    if own is not None:
        return is_captioned(existing(own.path, own.kind))
    return _known(base).origin == _READ_OUT


def _known(name: str) -> DataInfo:
    info = next((info for info in _KNOWN if info.name == name), None)
    if info is None:
        names = [*(info.name for info in _KNOWN), *(f"{kind}:PATH" for kind in AN)]
        raise DataError(
            f"expected the name of a data set, found {name!r}{did_you_mean(name, names)}"
        )
    return info


def load(name: str, *, seed: int = 0, cache: Path | None = None) -> Source:
    """Load a data set; called again while it is unchanged, it returns the same object.

    Args:
        name: one of `known()`, or `text:PATH` for a text file, or `folder:PATH` or `archive:PATH`
            for images in class folders, or `folder:PATH` for images in a folder with a
            `captions.jsonl`. Of images, `?resize=N` scales the shorter side and cuts out the
            central square, and `?channels=1` or `3` makes all of them grey or colour
            (`?resize=N&channels=3`). With a view behind it if wanted: `/0-4` or `/0,2,4` keeps only
            these classes, by position, numbered anew from 0, and `/parity` makes two classes of
            them, even and odd.
        seed: cuts a test part off a source that has none: a quarter of every class.
        cache: a folder that keeps decoded images; None keeps none. Downloads go there too.

    Raises:
        DataError: the name is not known, or the data are missing, damaged, unsafe or unfit.
        StoreError: the cache cannot be written.
    """
    base, part = apart(name)
    if part:
        return view(load(base, seed=seed, cache=cache), part)
    origin = _locate(name, cache)
    if cache is not None:
        through = partial(through_cache, cache, origin.name, origin.fingerprint, origin.read)
        origin = _Origin(origin.name, origin.fingerprint, through)
    content = _content(origin)
    return content if isinstance(content, Source) else _divided(content, seed)


@lru_cache(maxsize=8)
def _content(origin: _Origin) -> Source | Dataset:
    return origin.read()


@lru_cache(maxsize=16)
def _divided(whole: Dataset, seed: int) -> Source:
    # the stream has a fixed name: a folder that moves keeps its parts
    train, test = stratified(whole, _SHARES, Rng(seed).child("data", "test part"))
    return Source(whole.select(train), whole.select(test))


def _locate(name: str, cache: Path | None) -> _Origin:
    own = own_data(name)
    if own is not None:
        path = existing(own.path, own.kind)
        if own.kind == "text":
            return _Origin(name, fingerprint(path), partial(read_text, path, name))
        read = read_captions if is_captioned(path) else read_class_folders
        return _Origin(name, fingerprint(path), partial(read, path, name, own.form))
    info = _known(name)
    if info.origin == _BUNDLED:
        return _Origin(name, bundled_version(), partial(read_bundled, name))
    if info.origin == _GENERATED:
        return _Origin(name, SHAPES_VERSION, shapes)
    if info.origin == _READ_OUT:
        return _Origin(name, f"{DIGITS_VERSION}, {bundled_version()}", captions_digits)
    if info.origin == _TOLD:
        return _Origin(name, FABLES_VERSION, fables)
    if info.origin == _OFFLINE:
        path = offline_text(name)
        return _Origin(name, fingerprint(path), partial(read_text, path, name))
    return _public(info, cache)


def _public(info: DataInfo, cache: Path | None) -> _Origin:
    offline = arena_data()
    path = None if offline is None else offline_copy(info.name, offline)
    if path is not None:
        read = partial(read_copy, path, info.name, info.classes, info.shape)
        return _Origin(info.name, fingerprint(path), read)
    downloads = (cache or user_cache()) / "downloads"
    return _Origin(info.name, "torchvision", partial(read_vision, info.name, downloads, offline))
