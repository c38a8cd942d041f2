"""A DeepJudge key: the victim, the pool, the plan, the tests, and what innocents show on them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from arena.game.court.reference import NO_REFERENCE, Reference
from arena.game.rules.key_form import Tensors
from arena.game.rules.keys import Key
from arena.world.training import Examples
from defenders.deepjudge.calibration import Calibration
from defenders.deepjudge.case import Case, Measurement
from defenders.deepjudge.growth.generate import GrowthPlan
from defenders.deepjudge.scheme.metrics import BLACKBOX
from defenders.deepjudge.scheme.tests import TestPart, Tests
from defenders.fingerprints.scheme import Origin, origin

NullDistances = Mapping[str, Mapping[str, Sequence[float | None]]]
"""Part of the tests -> metric -> the distance of each calibration innocent, None where none is."""


@dataclass(frozen=True, kw_only=True)
class DeepJudgeKey(Origin):
    """A key as it is held.

    Attributes:
        plan: how the tests are grown. nulls: the distances of the calibration innocents.
        gaps: what the generators were chosen by.
        blackbox, whitebox: the tensors of the tests.
    """

    plan: GrowthPlan
    nulls: NullDistances
    gaps: Mapping[str, float]
    blackbox: Tensors
    whitebox: Tensors


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

    def calibrations(self, part: TestPart, alphas: tuple[float, float]) -> dict[str, Calibration]:
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
        secret = DeepJudgeKey(
            **origin(case.victim, self.pool),
            plan=self.plan,
            nulls=self.nulls,
            gaps=self.gaps,
            blackbox=_held(case.blackbox),
            whitebox=_held(case.whitebox),
        )
        return self.reference.into(secret.into(Key("deepjudge", seed)))

    @classmethod
    def read(cls, key: Key) -> Contents:
        """Read a key.

        Raises:
            MalformedKey: it is malformed, or the victim in it cannot be built.
        """
        secret = DeepJudgeKey.of(key)
        blackbox, whitebox = Tests.of(secret.blackbox), Tests.of(secret.whitebox)
        case = Case(secret.model(), blackbox, whitebox, secret.plan.layer, secret.pool.images)
        reference = Reference.read(key)
        return cls(secret.plan, case, secret.pool, secret.nulls, secret.gaps, reference)


def _held(tests: Tests) -> Tensors:
    return {name: tensor.contiguous() for name, tensor in tests.tensors().items()}


def nulls_of(measured: Sequence[Measurement]) -> dict[str, dict[str, list[float | None]]]:
    """Return the distances of innocents by part and metric, None where a metric does not apply."""
    found: dict[TestPart, set[str]] = {}
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
