"""The public image sets that torchvision downloads and checks."""

from __future__ import annotations

import contextlib
import http.client
import importlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from arena.errors import DataError
from arena.world.data.dataset import Dataset, Source

_TYPES = {
    "mnist": "MNIST",
    "fashion-mnist": "FashionMNIST",
    "kmnist": "KMNIST",
    "cifar10": "CIFAR10",
    "cifar100": "CIFAR100",
    "svhn": "SVHN",
}
_DIGITS = ("mnist", "svhn")  # their classes are named 0 to 9, as in archives of them


def read_vision(name: str, downloads: Path, offline: Path | None = None) -> Source:
    """Read a public image set through torchvision, which compares the checksums of its files.

    Args:
        name: one of the six names.
        downloads: the folder that missing files are downloaded into, below the set's name.
        offline: a folder that may hold the files already, as torchvision lays them out.

    Raises:
        DataError: the files are not there and could not be downloaded, or are damaged.
    """
    kind = _type(name)
    if offline is not None:
        try:
            return _both(name, kind, offline, download=False)
        except RuntimeError:  # torchvision's way to say that the files are not there
            pass
    place = downloads / name
    if not place.exists():
        return _fetched(name, kind, place)
    try:
        return _both(name, kind, place, download=False)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"expected {name} as it was downloaded, found {_reason(error)}; "
            f"delete {place} to download it again"
        ) from error


def _fetched(name: str, kind: Any, place: Path) -> Source:
    """Download into a folder of its own, then rename: several workers may want it at once."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=place.parent) as part:
            source = _both(name, kind, Path(part), download=True)
            with contextlib.suppress(OSError):  # another worker was faster
                Path(part).rename(place)
            return source
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        raise DataError(
            f"expected to download {name}, found {_reason(error)}; "
            "set ARENA_DATA to a folder that holds it, or use digits"
        ) from error


def _type(name: str) -> Any:
    try:
        return getattr(importlib.import_module("torchvision.datasets"), _TYPES[name])  # takes 3 s
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another torch
        raise DataError(
            f"expected torchvision for {name}, found {_reason(error)}; "
            "install the torchvision that belongs to this torch, or set ARENA_DATA"
        ) from error


def _both(name: str, kind: Any, root: Path, *, download: bool) -> Source:
    sets = []
    for part in ("train", "test"):
        which = {"split": part} if name == "svhn" else {"train": part == "train"}
        sets.append(_dataset(name, kind(root=str(root), download=download, **which)))
    return Source(*sets)


def _dataset(name: str, found: Any) -> Dataset:
    images = torch.as_tensor(np.asarray(found.data))
    if images.ndim == 3:  # (N, H, W), grey
        images = images[:, None]
    elif images.shape[-1] == 3:  # (N, H, W, C)
        images = images.permute(0, 3, 1, 2)
    labels = torch.as_tensor(found.labels if name == "svhn" else found.targets)
    classes = [str(digit) for digit in range(10)] if name in _DIGITS else found.classes
    return Dataset(name, images.contiguous(), labels.long(), tuple(classes))


def _reason(error: Exception) -> str:
    """Return the last line: torchvision lists what it tried, then why that failed."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
