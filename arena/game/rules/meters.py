"""Meters: counters of what a player spent, with budgets that refuse before anything is done."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from arena.errors import BudgetExceeded
from arena.game.rules.threat import METERS, Budget, Spent
from arena.world.bundle import Bundle

_MARK = 12  # bytes of the hash that stands for an image


class Meters:
    """The counters of one match. The referee's side holds them; a thief can only add to them."""

    def __init__(self, budget: Budget | None = None, earlier: Bundle | None = None) -> None:
        self.budget = budget or Budget(verifier_calls=None)
        self._spent = dict.fromkeys(METERS, 0.0)
        self._seen: set[bytes] = set()
        if earlier is not None:
            self._spent |= dict(earlier.data)
            self._seen = {bytes(row) for row in earlier.tensors["seen"].numpy()}
        self._started = time.monotonic()
        self._before_s = self._spent["wall_s"]

    def charge(self, costs: Mapping[str, float]) -> None:
        """Add to the named meters, all or none.

        Raises:
            BudgetExceeded: a meter would pass its budget; nothing is added.
            ValueError: a cost is not a number from 0 on, or a meter is unknown.
        """
        self._tick()
        for name, amount in costs.items():
            if name not in self._spent or not 0 <= amount < math.inf:
                raise ValueError(f"expected a cost >= 0 of one of {METERS}, found {name}={amount}")
            limit = self.budget.of(name)
            if limit is not None and self._spent[name] + amount > limit:
                raise BudgetExceeded(name, limit, amount)
        for name, amount in costs.items():
            self._spent[name] += amount

    def _tick(self) -> None:
        """Bring the clock up to date; raise when the time is over."""
        self._spent["wall_s"] = self._before_s + time.monotonic() - self._started
        limit = self.budget.wall_s
        if limit is not None and self._spent["wall_s"] > limit:
            raise BudgetExceeded("wall_s", limit, 0)

    def left(self, meter: str) -> float:
        """Return how much of a budget is left; infinity where there is no limit."""
        limit = self.budget.of(meter)
        return float("inf") if limit is None else max(0.0, limit - self._spent[meter])

    def new_images(self, images: Tensor) -> list[bytes]:
        """Return, for each image, a hash if it was never seen before, else an empty value."""
        fresh: list[bytes] = []
        known = set(self._seen)
        for image in images.cpu().contiguous().numpy():
            mark = hashlib.blake2b(image.tobytes(), digest_size=_MARK).digest()
            fresh.append(b"" if mark in known else mark)
            known.add(mark)
        return fresh

    def remember(self, marks: Iterable[bytes]) -> None:
        """Count images as seen."""
        self._seen.update(mark for mark in marks if mark)

    def bundle(self) -> Bundle:
        """Return the state from which the next round's meters go on."""
        rows = [list(mark) for mark in sorted(self._seen)]
        seen = torch.tensor(rows, dtype=torch.uint8).reshape(len(rows), _MARK)
        return Bundle(self.reading().plain(), {"seen": seen})

    def reading(self) -> Spent:
        """Return every meter's value."""
        self._spent["wall_s"] = self._before_s + time.monotonic() - self._started
        return Spent(**self._spent)
