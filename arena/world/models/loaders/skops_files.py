"""Classifiers of scikit-learn in skops files: they answer, and their weights are not read.

skops (extra `models`) loads only types that it knows to be harmless; a file with others is refused.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from arena.errors import ModelError
from arena.world.kinds.interface import Output
from arena.world.models.card import ModelCard
from arena.world.models.formats import SKOPS
from arena.world.models.loaders.answers import of_callable
from arena.world.models.loaders.own_input import own_input
from arena.world.models.loaders.registry import LoadedModel, ModelFile, loader


@loader(SKOPS, grants="probabilities")
def read_skops(file: ModelFile, form: ModelCard, want: Output) -> LoadedModel:
    """Return a classifier that answers flattened inputs: probabilities, or labels if it has none.

    It is fed values in [0, 1]; `mean = ..., std = ...` in words feed it `(x - mean) / std`.

    Raises:
        ModelError: skops is missing, or the file holds a type that is not known to be harmless, or
            no classifier of the data.
    """
    classifier, feed = _loaded(file.path), own_input(file, form)
    columns = _columns(classifier, form, file.path)

    def ask(images: Tensor) -> NDArray[np.generic]:
        rows = feed(images).flatten(1).double().numpy()
        if not hasattr(classifier, "predict_proba"):
            places: NDArray[np.intp] = np.searchsorted(
                classifier.classes_, classifier.predict(rows)
            )
            return columns[places]
        found = np.zeros((len(rows), form.n_classes))
        found[:, columns] = classifier.predict_proba(rows)
        return found

    return of_callable(ask, form, f"{type(classifier).__name__} in {file.path.name}")


def _loaded(path: Path) -> Any:
    try:
        skops = import_module("skops.io")
    except ImportError as error:
        raise ModelError(
            f"expected the library skops for {path.name}, found none ({error}); "
            "try pip install 'copyright-arena[models]'"
        ) from error
    try:
        found = skops.load(path, trusted=[])
    except Exception as error:  # a stranger's bytes can make the reader raise anything
        reason = f"{type(error).__name__}: {error}".partition("\n")[0][:300]
        raise ModelError(
            f"{path} cannot be read ({reason}); only scikit-learn's own types are read"
        ) from error
    if not hasattr(found, "predict") or not hasattr(found, "classes_"):
        raise ModelError(
            f"expected a fitted classifier in {path}, found {type(found).__name__}; save that"
        )
    return found


def _columns(classifier: Any, form: ModelCard, path: Path) -> NDArray[np.intp]:
    """Return the class of the data that each class of a classifier is, by number or by order."""
    classes = np.asarray(classifier.classes_)
    if len(classes) > form.n_classes:
        raise ModelError(
            f"expected a classifier of {form.n_classes} classes in {path}, found {len(classes)}; "
            "give the data that it was trained on"
        )
    if np.issubdtype(classes.dtype, np.integer) and classes.min() >= 0:
        if classes.max() >= form.n_classes:
            raise ModelError(
                f"expected classes from 0 to {form.n_classes - 1} in {path}, found "
                f"{classes.max()}; number them as the data's folders are sorted"
            )
        return classes.astype(np.intp)
    return np.arange(len(classes))
