"""Relabelled views of a data set: some of its classes, or the parity of its labels."""

from __future__ import annotations

import functools
import re

import torch
from torch import Tensor

from arena.errors import DataError
from arena.world.data.dataset import Dataset, Source

_CLASSES = re.compile(r"[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*")


def is_view(part: str) -> bool:
    """Return whether a part of a name reads like a view: `0-4`, `0,2,4`, `0-2,7` or `parity`.

    >>> is_view("0,2-4"), is_view("parity"), is_view("cats")
    (True, True, False)
    """
    return part == "parity" or _CLASSES.fullmatch(part) is not None


@functools.lru_cache(maxsize=8)
def view(source: Source, part: str) -> Source:
    """Return a source with other labels.

    Args:
        source: what is viewed; its order is kept.
        part: the classes to keep, by position, re-indexed from 0 in the order given; or `parity`,
            which keeps every image and labels it by its class's position, even or odd.

    Raises:
        DataError: `part` is neither, names a class that there is not, one twice, or only one.
    """
    whole = source.train
    if whole.has_captions:
        raise DataError(f"expected classes to choose {part!r} from, {whole.name!r} has captions")
    names: tuple[str, ...]
    if part == "parity":
        labels, names = torch.arange(whole.n_classes) % 2, ("even", "odd")
    else:
        chosen = _chosen(part, whole)
        labels = torch.full((whole.n_classes,), -1)
        labels[chosen] = torch.arange(len(chosen))
        names = tuple(whole.classes[index] for index in chosen)
    name = f"{whole.name}/{part}"
    return Source(*(_relabelled(half, name, labels, names) for half in (source.train, source.test)))


def _chosen(part: str, whole: Dataset) -> list[int]:
    if not is_view(part):
        raise DataError(
            f"expected classes of {whole.name!r} such as 0-4 or 0,2,4, or parity, found {part!r}"
        )
    chosen: list[int] = []
    for piece in part.split(","):
        first, _, last = piece.partition("-")
        start, end = int(first), int(last or first)
        if not start <= end < whole.n_classes:
            raise DataError(
                f"expected classes of {whole.name!r} from 0 to {whole.n_classes - 1}, the lower "
                f"one first, found {piece!r}"
            )
        chosen += range(start, end + 1)
    if len(set(chosen)) != len(chosen) or len(chosen) < 2:
        raise DataError(f"expected two or more different classes of {whole.name!r}, found {part!r}")
    return chosen


def _relabelled(data: Dataset, name: str, labels: Tensor, classes: tuple[str, ...]) -> Dataset:
    """Give label i the label `labels[i]`, and leave out the images whose new label is negative."""
    new = labels.to(data.labels.device)[data.labels]  # (N,)
    kept = new >= 0
    return Dataset(name, data.images[kept], new[kept], classes)
