"""A DeepJudge key: the victim, the pool, the plan, the tests, and what innocents show on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from arena.game.rules.key_form import Tensors
from arena.game.rules.keys import Key
from arena.world.training import Examples
from defenders.deepjudge.calibration import Calibration
from defenders.deepjudge.case import Case, Measurement
from defenders.deepjudge.growth.generate import GrowthPlan
from defenders.deepjudge.scheme.metrics import BLACKBOX
from defenders.deepjudge.scheme.tests import TestPart, Tests
from defenders.fingerprints.scheme import Origin, origin

Nulls = Mapping[str, Mapping[str, Sequence[float]]]
"""TestPart of the tests -> metric -> the distances of the calibration innocents."""


@dataclass(frozen=True, kw_only=True)
class DeepJudgeKey(Origin):
    """A key as it is held.

    Attributes:
        plan: how the tests are grown. nulls: the distances of the calibration innocents.
        gaps: what the generators were chosen by.
        blackbox, whitebox: the tensors of the tests.
    """

    plan: GrowthPlan
    nulls: Nulls
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
    nulls: Nulls
    gaps: Mapping[str, float]

    def calibrations(self, part: TestPart, alphas: tuple[float, float]) -> dict[str, Calibration]:
        """Return what the innocents show on a part of the tests, by metric.

        Args:
            part: of the tests.
            alphas: the share of the bound for black-box and for white-box metrics.
        """
        n_tests = int(self.case.blackbox.part(part).sum())
        return {
            metric: Calibration(metric, tuple(values), alphas[metric not in BLACKBOX], n_tests)
            for metric, values in self.nulls.get(part, {}).items()
        }

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
        return secret.into(Key("deepjudge", seed))

    @classmethod
    def read(cls, key: Key) -> Contents:
        """Read a key.

        Raises:
            MalformedKey: it is malformed, or the victim in it cannot be built.
        """
        secret = DeepJudgeKey.of(key)
        blackbox, whitebox = Tests.of(secret.blackbox), Tests.of(secret.whitebox)
        case = Case(secret.model(), blackbox, whitebox, secret.plan.layer)
        return cls(secret.plan, case, secret.pool, secret.nulls, secret.gaps)


def _held(tests: Tests) -> Tensors:
    return {name: tensor.contiguous() for name, tensor in tests.tensors().items()}


def nulls_of(measured: Sequence[Measurement]) -> dict[str, dict[str, list[float]]]:
    """Return the distances of innocents by part and metric; a metric counts where it applies."""
    found: dict[str, dict[str, list[float]]] = {}
    for measurement in measured:
        for part, values in measurement.values.items():
            for metric, value in values.items():
                found.setdefault(part, {}).setdefault(metric, []).append(value)
    return found
