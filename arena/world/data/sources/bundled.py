"""The data sets that come with scikit-learn: no download, no file."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from arena.world.data.dataset import Dataset

_WHITE = 16  # the greatest value of a pixel of the digits
_LOADERS = {
    "digits": "load_digits",
    "breast-cancer": "load_breast_cancer",
    "wine": "load_wine",
}


def bundled_version() -> str:
    """Return what the content depends on, without importing it."""
    return f"scikit-learn {version('scikit-learn')}"


def read_bundled(name: str) -> Dataset:
    """Return `digits` as (N, 1, 8, 8) images, `breast-cancer` or `wine` as (N, D) rows, undivided.

    The 17 levels of the digits are spread over 0 to 255; so is each feature of a row, from its
    least to its greatest value in the whole set.
    """
    from sklearn import datasets  # takes a second

    bunch: Any = getattr(datasets, _LOADERS[name])()
    values = bunch.images[:, None] / _WHITE if name == "digits" else _rescaled(bunch.data)
    return Dataset(
        name=name,
        images=torch.from_numpy(np.rint(values * 255).astype(np.uint8)),
        labels=torch.from_numpy(bunch.target.astype(np.int64)),
        classes=tuple(str(label) for label in bunch.target_names),
    )


def _rescaled(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (N, D) features in [0, 1]; a constant one is 0."""
    least, span = rows.min(axis=0), np.ptp(rows, axis=0)
    scaled: npt.NDArray[np.float64] = (rows - least) / np.where(span > 0, span, 1.0)
    return scaled
