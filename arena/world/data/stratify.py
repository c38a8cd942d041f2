"""Seeded cuts of a data set in which every class, or length of a caption, keeps its share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
import torch
from torch import Tensor

from arena.errors import DataError
from arena.world.data.dataset import Dataset
from arena.world.rng import Rng


def apportion(n_images: int, shares: Sequence[float]) -> list[int]:
    """Return how many of `n_images` each share gets: the rounded share, but never none.

    Raises:
        DataError: there are fewer images than shares.

    >>> apportion(10, (0.5, 0.3, 0.2))
    [5, 3, 2]
    >>> apportion(3, (0.9, 0.05, 0.05))
    [1, 1, 1]
    """
    if n_images < len(shares):
        raise DataError(f"expected at least {len(shares)} images, found {n_images}")
    ends = (round(share * n_images) for share in accumulate(shares))
    sizes = [max(1, end - start) for start, end in pairwise((0, *ends))]
    while sum(sizes) > n_images:
        sizes[sizes.index(max(sizes))] -= 1
    return sizes


def stratified(whole: Dataset, shares: Sequence[float], rng: Rng) -> tuple[Tensor, ...]:
    """Cut a data set into disjoint parts, each with the given share of every class.

    Args:
        whole: what is cut; its order within a class is an input, the order of classes is not.
        shares: one for each part, all > 0; together at most 1. What is left over is in no part.
        rng: the stream the cut is drawn from.

    Returns:
        Int64 indices (M,) of each part, shuffled, so that any prefix is a fair sample of it.

    Raises:
        DataError: a class has fewer images than there are parts.
    """
    parts: list[list[Tensor]] = [[] for _ in shares]
    strata = whole.strata.cpu()
    for label, name in _named(whole, strata):
        members = torch.nonzero(strata == label).flatten()  # (n,)
        try:
            sizes = apportion(len(members), shares)
        except DataError as error:
            raise DataError(
                f"class {name!r} of {whole.name!r} is too small to cut: {error}"
            ) from None
        drawn = members[_permutation(len(members), rng.child("class", label))]
        cuts = (0, *accumulate(sizes))
        for part, (start, end) in zip(parts, pairwise(cuts), strict=True):
            part.append(drawn[start:end])
    joined = [torch.cat(part) for part in parts]
    return tuple(
        part[_permutation(len(part), rng.child("order", index))]
        for index, part in enumerate(joined)
    )


def _named(whole: Dataset, strata: Tensor) -> list[tuple[int, str]]:
    """Return each stratum and what it is called: all classes, or the lengths that captions have."""
    if not whole.has_captions:
        return list(enumerate(whole.classes))
    return [(int(n), f"captions of {int(n)} words") for n in strata.unique()]


def _permutation(n: int, rng: Rng) -> Tensor:
    return torch.from_numpy(rng.numpy().permutation(n).astype(np.int64))
