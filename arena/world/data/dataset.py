"""Data sets: images, feature rows or texts, each with its class or its caption."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from arena.errors import DataError
from arena.world.json_values import canonical


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled examples, held whole in memory; equal only to itself.

    A label is a class, or a caption: a row of words, of which `classes` lists all that there are.
    Word 0 is empty and fills a row behind the end of its caption.

    Raises:
        DataError: a dtype, a shape, a device or a label is not of the form given here.
    """

    name: str
    images: Tensor  # uint8 (N, C, H, W) or (N, D); int64 (N, T) of texts whose tokens are no bytes
    labels: Tensor  # int64 (N,) or, of captions, (N, T): indices into `classes`
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        problems = "; ".join(self._problems())
        if problems:
            raise DataError(f"{self.name!r} is not a data set: {problems}")

    def _problems(self) -> Iterator[str]:
        images, labels = self.images, self.labels
        tokens = images.dtype == torch.int64 and images.ndim == 2
        if not tokens and (images.dtype != torch.uint8 or images.ndim not in (2, 4)):
            found = f"{images.dtype} {tuple(images.shape)}"
            yield f"expected uint8 images (N, C, H, W) or rows (N, D), found {found}"
        if labels.dtype != torch.int64 or labels.ndim not in (1, images.ndim // 2):
            found = f"{labels.dtype} {tuple(labels.shape)}"
            yield f"expected int64 labels (N,), or captions (N, T) of images, found {found}"
        elif labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < self.n_classes:
            found = f"{int(labels.min())} to {int(labels.max())}"
            yield f"expected labels 0 to {self.n_classes - 1}, found {found}"
        if images.shape[:1] != labels.shape[:1]:
            yield f"expected as many labels as images, found {len(labels)} and {len(images)}"
        if images.device != labels.device:
            yield f"expected one device, found images on {images.device}, labels on {labels.device}"
        if len(set(self.classes)) != len(self.classes):
            yield "expected distinct class names, found a name twice"

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        shape = "x".join(str(size) for size in self.input_shape)
        return f"Dataset({self.name!r}, {len(self)} of {shape}, {self.n_classes} classes)"

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example: (C, H, W) or (D,)."""
        return tuple(self.images.shape[1:])

    @property
    def n_classes(self) -> int:
        """How many classes there are, whether or not each has an example here."""
        return len(self.classes)

    @property
    def has_captions(self) -> bool:
        """Whether labels are captions."""
        return self.labels.ndim == 2

    @property
    def strata(self) -> Tensor:
        """What a fair cut keeps the shares of, (N,): the class, or the length of the caption."""
        return (self.labels > 0).sum(1) if self.has_captions else self.labels

    def select(self, indices: Tensor) -> Dataset:
        """Return the examples at int64 `indices` (M,), in that order, or where a bool mask is true.

        Raises:
            DataError: an index is out of range, or the mask is not (N,).
        """
        if indices.ndim != 1 or indices.dtype not in (torch.int64, torch.bool):
            found = f"{indices.dtype} {tuple(indices.shape)}"
            raise DataError(f"expected int64 indices (M,) or a bool mask (N,), found {found}")
        if indices.dtype == torch.bool:
            if len(indices) != len(self):
                raise DataError(f"expected a mask of {len(self)} values, found {len(indices)}")
        elif indices.numel() and not 0 <= int(indices.min()) <= int(indices.max()) < len(self):
            found = f"{int(indices.min())} to {int(indices.max())}"
            raise DataError(f"expected indices below {len(self)}, found {found}")
        at = indices.to(self.images.device)
        return replace(self, images=self.images[at], labels=self.labels[at])

    def to(self, device: str | torch.device) -> Dataset:
        """Return the data set on `device`; nothing is copied where it is there already."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def digest(self) -> str:
        """Return the SHA-256 of the content (shape, images, labels, classes), not of the name."""
        head = canonical({"shape": list(self.images.shape), "classes": list(self.classes)})
        sha = hashlib.sha256(head.encode())
        for tensor in (self.images, self.labels):
            sha.update(tensor.cpu().contiguous().numpy().data)
        return sha.hexdigest()


@dataclass(frozen=True)
class Source:
    """A data set as it is published: a train part and a test part with the same classes.

    Raises:
        DataError: the two parts differ in their classes or in the shape of an example.
    """

    train: Dataset
    test: Dataset

    def __post_init__(self) -> None:
        ours, theirs = (
            f"{part.input_shape} in {', '.join(part.classes)}" for part in (self.train, self.test)
        )
        if ours != theirs:
            raise DataError(
                f"expected one shape and the same classes in both parts of {self.train.name!r}, "
                f"found {ours} (train) and {theirs} (test)"
            )


def concat(parts: Sequence[Dataset]) -> Dataset:
    """Return the examples of all parts, in that order, under the name of the first.

    Raises:
        DataError: the parts differ in classes or in the shape of an example, or there is none.
    """
    if len({(part.classes, part.input_shape) for part in parts}) != 1:
        raise DataError(f"expected parts of one data set, found {list(parts)}")
    images = torch.cat([part.images for part in parts])
    return replace(parts[0], images=images, labels=torch.cat([part.labels for part in parts]))
