"""A DeepJudge key: the victim, the pool, the plan, the tests, and what innocents show on them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from arena.game.court.reference import NO_REFERENCE, Reference
from arena.game.rules.keys import Key
from arena.world.bundle import Bundle
from arena.world.training import Examples
from defenders.deepjudge.calibration import Calibration
from defenders.deepjudge.case import Case, Measurement, Part, Tests
from defenders.deepjudge.growth.generate import GrowthPlan
from defenders.deepjudge.metrics import BLACKBOX
from defenders.fingerprints.points import origin, origin_of

NullDistances = Mapping[str, Mapping[str, Sequence[float | None]]]
"""Part of the tests -> metric -> the distance of each calibration innocent, None where none is."""


@dataclass(frozen=True)
class Contents:
    """What a key holds.

    The victim's weights lie in the key, not its outputs on the tests: they are smaller, they let a
    judge grow the tests again, and the first stage compares weights. The pool of held-out images
    lies in it for the same reason.
    """

    plan: GrowthPlan
    case: Case
    pool: Examples
    nulls: NullDistances
    gaps: Mapping[str, float]
    reference: Reference = NO_REFERENCE

    def calibrations(self, part: Part, alphas: tuple[float, float]) -> dict[str, Calibration]:
        """Return what the innocents show on a part of the tests, by metric.

        Args:
            part: of the tests.
            alphas: the share of the bound for black-box and for white-box metrics.
        """
        n_tests = int(self.case.blackbox.part(part).sum())
        return {
            metric: self._calibration(metric, values, alphas[metric not in BLACKBOX], n_tests)
            for metric, values in self.nulls.get(part, {}).items()
        }

    def _calibration(
        self, metric: str, values: Sequence[float | None], alpha: float, n_tests: int
    ) -> Calibration:
        alike, known = set(self.reference.same()), self.reference.utilities
        found = [(i, v) for i, v in enumerate(values) if v is not None and math.isfinite(v)]
        return Calibration(
            metric,
            tuple(v for _, v in found),
            alpha,
            n_tests,
            tuple(known[i] for i, _ in found) if known else (),
            tuple(v for i, v in found if i in alike),
        )

    def key(self, seed: str) -> Key:
        """Return the key."""
        case = self.case
        groups = {"blackbox": case.blackbox, "whitebox": case.whitebox}
        tests = {
            f"{group}/{name}": tensor.contiguous()
            for group, members in groups.items()
            for name, tensor in members.tensors().items()
        }
        settings = {
            "card": case.victim.card.plain(),
            "plan": self.plan.plain(),
            "nulls": self.nulls,
            "gaps": dict(self.gaps),
        }
        told = self.reference.bundle()
        tensors = origin(case.victim, self.pool) | tests | dict(told.tensors)
        return Key("deepjudge", seed, settings | dict(told.data), tensors)

    @classmethod
    def read(cls, key: Key) -> Contents:
        """Read a key.

        Raises:
            ModelError: the victim in it cannot be built.
        """
        bundle, settings = Bundle({}, key.tensors), key.settings
        plan = GrowthPlan.model_validate(settings["plan"])
        victim, pool = origin_of(key)
        blackbox, whitebox = (Tests(**bundle.prefixed(k)) for k in ("blackbox", "whitebox"))
        case = Case(victim, blackbox, whitebox, plan.layer, pool.images)
        return cls(plan, case, pool, settings["nulls"], settings["gaps"], Reference.read(key))


def nulls_of(measured: Sequence[Measurement]) -> dict[str, dict[str, list[float | None]]]:
    """Return the distances of innocents by part and metric, None where a metric does not apply."""
    found: dict[Part, set[str]] = {}
    for measurement in measured:
        for part, values in measurement.values.items():
            found.setdefault(part, set()).update(values)
    return {
        part: {
            metric: [one.values.get(part, {}).get(metric) for one in measured]
            for metric in sorted(metrics)
        }
        for part, metrics in found.items()
    }
