"""Data sets by name: bundled ones, and more to come."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from arena.errors import DataError, did_you_mean
from arena.world.data.bundled import BUNDLED, bundled
from arena.world.data.dataset import Source
from arena.world.data.strata import stratified
from arena.world.rng import Rng


@dataclass(frozen=True)
class DataInfo:
    """What `arena list data` says of a data set."""

    name: str
    classes: int
    shape: tuple[int, ...]
    n_train: int
    n_test: int
    origin: str


def known() -> tuple[DataInfo, ...]:
    """Return the data sets that have a name."""
    return (DataInfo("digits", 10, (1, 8, 8), 1348, 449, "scikit-learn"),)


def load(name: str, *, seed: int = 0, cache: Path | None = None) -> Source:
    """Return a data set by name."""
    if name not in BUNDLED:
        raise DataError(f"no data set is called {name!r}{did_you_mean(name, BUNDLED)}")
    whole = bundled(name)
    train, test = stratified(whole, (0.75, 0.25), Rng(seed).child("train-test"))
    return Source(whole.select(train), whole.select(test))
