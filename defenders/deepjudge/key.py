"""A DeepJudge key: the victim, the pool, the plan, the tests, and what innocents show on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from arena.game.rules.keys import Key
from arena.world.bundle import Bundle
from arena.world.training import Examples
from defenders.deepjudge.calibration import Calibration
from defenders.deepjudge.case import Case, Measurement, Part, Tests
from defenders.deepjudge.growth.generate import GrowthPlan
from defenders.deepjudge.metrics import BLACKBOX
from defenders.fingerprints.points import origin, origin_of

Nulls = Mapping[str, Mapping[str, Sequence[float]]]
"""Part of the tests -> metric -> the distances of the calibration innocents."""


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

    def calibrations(self, part: Part, alphas: tuple[float, float]) -> dict[str, Calibration]:
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
        return Key("deepjudge", seed, settings, origin(case.victim, self.pool) | tests)

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
        case = Case(victim, blackbox, whitebox, plan.layer)
        return cls(plan, case, pool, settings["nulls"], settings["gaps"])


def nulls_of(measured: Sequence[Measurement]) -> dict[str, dict[str, list[float]]]:
    """Return the distances of innocents by part and metric; a metric counts where it applies."""
    found: dict[str, dict[str, list[float]]] = {}
    for measurement in measured:
        for part, values in measurement.values.items():
            for metric, value in values.items():
                found.setdefault(part, {}).setdefault(metric, []).append(value)
    return found
