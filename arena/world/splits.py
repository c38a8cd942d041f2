"""Who may see which data: disjoint, seeded splits with every class in each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from pydantic import Field, model_validator
from torch import Tensor

from arena.world.data.dataset import Dataset, Source, concat
from arena.world.data.stratify import stratified
from arena.world.json_values import Frozen, Json, Raw
from arena.world.rng import Rng

_ROUNDING = 1e-9  # 0.5 + 0.3 + 0.2 need not be 1 to the last bit
LEAST = 1e-3
"""The least share of a part that anybody may get: less holds nothing to learn from."""


class Shares(Frozen):
    """How the two parts of a source are shared out; each class in the same proportion.

    The first three are shares of the train part and sum to at most 1: what the owner trains on,
    what the thief is given, and what only the referee's innocents see besides. `probe` is the share
    of the test part that the owner's and the judge's seed images come from; the rest of it measures
    utility.
    """

    owner: float = Field(0.5, ge=LEAST, lt=1)
    thief: float = Field(0.3, ge=LEAST, lt=1)
    calibration: float = Field(0.2, ge=LEAST, lt=1)
    probe: float = Field(0.4, ge=LEAST, lt=1)

    @model_validator(mode="after")
    def _fits(self) -> Shares:
        total = self.owner + self.thief + self.calibration
        if total > 1 + _ROUNDING:
            raise ValueError(
                f"expected owner + thief + calibration of at most 1, found {total:g}; lower one"
            )
        return self


@dataclass(frozen=True, eq=False)
class Splits:
    """Five disjoint data sets, and the record that shows which images each of them holds."""

    owner: Dataset
    thief: Dataset
    calibration: Dataset
    probe: Dataset
    test: Dataset
    record: Mapping[str, Raw]  # split -> number of images, and SHA-256 of their indices

    @cached_property
    def other(self) -> Dataset:
        """All train images that are not the owner's: innocents of the kind Neg-2 train on them."""
        return concat((self.thief, self.calibration))


def split(source: Source, shares: Shares, rng: Rng) -> Splits:
    """Cut a source into the splits of a match whose owner and thief share no image.

    Disjoint halves are what Chen et al. (S&P 2022) and Shafieinejad et al. (IH&MMSec 2021) use; the
    calibration split keeps thresholds apart from the models that are reported on.

    Raises:
        DataError: a class has too few images to be in every split.
    """
    owner, thief, calibration = stratified(
        source.train, (shares.owner, shares.thief, shares.calibration), rng.child("train")
    )
    probe, test = stratified(source.test, (shares.probe, 1 - shares.probe), rng.child("test"))
    chosen = {
        "owner": owner,
        "thief": thief,
        "calibration": calibration,
        "probe": probe,
        "test": test,
    }
    return Splits(
        owner=source.train.select(owner),
        thief=source.train.select(thief),
        calibration=source.train.select(calibration),
        probe=source.test.select(probe),
        test=source.test.select(test),
        record={name: _record(indices) for name, indices in chosen.items()},
    )


def _record(indices: Tensor) -> dict[str, Json]:
    blob = indices.numpy().astype("<i8").tobytes()
    return {"n_images": len(indices), "indices_sha256": hashlib.sha256(blob).hexdigest()}
