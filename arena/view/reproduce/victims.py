"""Claims about methods: the victim is the unit, not the copy.

Copies of one model are not independent of each other, so a claim is put to its test on each victim
by itself, and what holds is counted over victims. On one victim nothing about a method can be
confirmed: a claim has held, or it is refuted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from arena.game.court.statistics import holm, proportion_interval
from arena.runs.experiment import ExperimentClaim, Test
from arena.view.reproduce.claims import (
    LEVEL,
    SLACK,
    ClaimOutcome,
    Result,
    judged,
    metrics_of,
    order_p_value,
    trend_of,
)
from arena.view.reproduce.differences import gap, separation
from arena.view.reproduce.samples import Measured
from arena.world.rng import Rng

_UNIVERSAL: tuple[Test, ...] = (
    "voted", "separates", "ordered", "lost", "evades-some", "differs", "same", "below"
)  # fmt: skip
_MOST = 0.75  # of all victims, for which a claim must hold at 95 % confidence to be confirmed
_EXACT = 14  # victims up to which every change of signs is counted
_DRAWS = 20_000


def over_victims(claim: ExperimentClaim, found: Measured, rng: Rng) -> Result:
    """Put a claim to its test on each victim, and say of how many it holds."""
    victims = found.victims()
    results = [judged(claim, each, rng.child("victim", i)) for i, each in enumerate(victims)]
    if len(results) == 1:
        (only,) = results
        outcome: ClaimOutcome = "held" if only.outcome == "confirmed" else only.outcome
        return Result(outcome, f"{only.because}; one victim")
    if claim.test in _UNIVERSAL:
        return _counted(results)
    return _averaged(claim, victims, rng.child("signs"))


def _counted(results: Sequence[Result]) -> Result:
    """Return what holds of victims for which a claim always holds, or does not."""
    n, refuted = len(results), [r for r in results if r.outcome == "refuted"]
    known = sum(r.outcome != "undecided" or r.few for r in results)
    low, high = proportion_interval(n - len(refuted), n)
    says = f"held for {n - len(refuted)} of {n} victims ({low:.2f} to {high:.2f})"
    if refuted:
        return Result("refuted", f"{says}; for one that it does not: {refuted[0].because}")
    if known < n:
        return Result("undecided", f"{says}, undecided for {n - known}")
    outcome: ClaimOutcome = "confirmed" if low >= _MOST else "held"
    return Result(outcome, f"{says}; the first one: {results[0].because}")


def _averaged(claim: ExperimentClaim, victims: Sequence[Measured], rng: Rng) -> Result:
    """Test a direction over victims, of each series or pair of metrics; Holm's across them."""
    rows = [directions(claim, victim) for victim in victims]
    names = [name for name in rows[0] if all(name in row for row in rows)]
    if not names:
        return Result("undecided", "a metric has no copies or no innocents")
    numbers = {name: [row[name] for row in rows] for name in names}
    dice = {name: rng.child(name) for name in names}
    ahead = holm([sign_p_value(numbers[name], dice[name]) for name in names])
    behind = holm([sign_p_value([-x for x in numbers[name]], dice[name]) for name in names])
    says = [
        f"{name}: mean {np.mean(numbers[name]):+.3f}, {sum(x > 0 for x in numbers[name])} of "
        f"{len(rows)} victims, p = {p:.2g}"
        for name, p in zip(names, ahead, strict=True)
    ]
    because = f"{'; '.join(says)} (p after Holm)"
    if any(p <= LEVEL for p in behind):
        return Result("refuted", because)
    return Result("confirmed" if max(ahead) <= LEVEL else "undecided", because)


def directions(claim: ExperimentClaim, found: Measured) -> dict[str, float]:
    """Return numbers of one victim that are positive where the claim holds."""
    if claim.test in ("falls", "rises"):
        return _orders(claim, found, 1.0 if claim.test == "rises" else -1.0)
    names = metrics_of(claim, found)
    pairs = [(found.values(name, copies=True), found.values(name, copies=False)) for name in names]
    if not all(copies and innocents for copies, innocents in pairs):
        return {}
    of: Callable[[Sequence[float], Sequence[float]], float]
    of, slack = (separation, SLACK) if claim.test == "no-worse" else (gap, 0.0)
    first = of(*pairs[0])
    later = zip(names[1:], pairs[1:], strict=True)
    return {f"{names[0]} over {name}": first - of(*pair) + slack for name, pair in later}


def _orders(claim: ExperimentClaim, found: Measured, sign: float) -> dict[str, float]:
    told = {}
    chosen = {series.members: series for series in found.experiment.chosen(claim.series)}
    for series in chosen.values():
        for metric in metrics_of(claim, found):
            degrees, values = trend_of(found, series, metric)
            tau, _ = order_p_value(degrees, [sign * value for value in values])
            told[f"{series.title}, {metric}"] = tau
    return told


def sign_p_value(values: Sequence[float], rng: Rng) -> float:
    """Return the one-sided p-value of numbers whose mean is above 0: Fisher's test of signs.

    The null is that each number is as likely as its negative. All changes of signs are counted up
    to 14 numbers, beyond that 20,000 are drawn.

    >>> sign_p_value([1.0, 2.0, 3.0], Rng(0))
    0.125
    """
    sample = np.asarray(values, dtype=np.float64)
    if len(sample) <= _EXACT:
        signs = np.array(list(product((1.0, -1.0), repeat=len(sample))))
        return float((signs @ sample >= sample.sum() - 1e-12).mean())
    signs = rng.numpy().choice((1.0, -1.0), (_DRAWS, len(sample)))
    return float((1 + (signs @ sample >= sample.sum()).sum()) / (1 + _DRAWS))
