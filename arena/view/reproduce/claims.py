"""Claims put to the test on one victim: confirmed, refuted or undecided, with n and an interval.

A claim that something always holds is refuted by one counterexample, and confirmed where at least
`_ENOUGH` cases on each side hold it without one; the exact interval says how much that is worth. A
claim that compares or orders is confirmed where its 95 % interval, or its exact p-value, says so,
refuted where it says the opposite, and else undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, permutations
from typing import Literal

import numpy as np
from scipy import stats

from arena.game.court.statistics import proportion_interval
from arena.runs.experiment import ExperimentClaim, Series, Test
from arena.view.reproduce.differences import Compared, difference_interval, gap, separation
from arena.view.reproduce.samples import Measured, Sample
from arena.world.rng import Rng

ClaimOutcome = Literal["confirmed", "held", "refuted", "undecided"]

_ENOUGH = 5  # cases on each side, below which nothing that always holds is called confirmed
LEVEL = 0.05  # of a test
SLACK = 0.05  # in area under the curve: less is no worse
_APART = 0.01  # what two readings of the same may differ by


@dataclass(frozen=True)
class Result:
    """What a test found: the outcome, and the numbers behind it in words."""

    outcome: ClaimOutcome
    because: str
    few: bool = False  # nothing speaks against it, in fewer cases than decide on one victim


def judged(claim: ExperimentClaim, found: Measured, rng: Rng) -> Result:
    """Put a claim to its test."""
    return _TESTS[claim.test](claim, found, rng)


def metrics_of(claim: ExperimentClaim, found: Measured) -> Sequence[str]:
    """Return the metrics that a claim is about: its own, or the experiment's."""
    return claim.metrics or found.experiment.metrics


def _share(hits: int, n: int) -> str:
    low, high = proportion_interval(hits, n)
    return f"{hits} of {n} ({low:.2f} to {high:.2f})"


def _always(hold: Sequence[bool], what: str) -> tuple[bool, str]:
    return all(hold), f"{_share(sum(hold), len(hold))} {what}"


def voted(claim: ExperimentClaim, found: Measured, rng: Rng) -> Result:
    """Test that a majority of the metrics that apply votes copy for copies, and for them alone."""
    copies, innocents = (_majorities(s, claim, found) for s in (found.copies, found.innocents))
    caught, said = _always(copies, "copies voted copies")
    spared, too = _always([not vote for vote in innocents], "innocents not")
    return _universal(caught and spared, min(len(copies), len(innocents)), f"{said}, {too}")


def _majorities(samples: Sequence[Sample], claim: ExperimentClaim, found: Measured) -> list[bool]:
    """Return the vote on each model that anything was measured on; a failed match is no vote."""
    counts = [list(_votes_on(sample, claim, found).values()) for sample in samples]
    return [sum(votes) > len(votes) / 2 for votes in counts if votes]


def _votes_on(sample: Sample, claim: ExperimentClaim, found: Measured) -> dict[str, bool]:
    readings = {metric: sample.get(metric, claim.part) for metric in metrics_of(claim, found)}
    return {m: bool(r.is_copy) for m, r in readings.items() if r is not None}


def separates(claim: ExperimentClaim, found: Measured, rng: Rng) -> Result:
    """Test that every copy is on the near side of each metric's threshold, no innocent is."""
    found = _of_series(claim, found)
    says, holds, fewest = [], True, _ENOUGH
    for metric in metrics_of(claim, found):
        copies = _votes(found.copies, metric, claim)
        innocents = _votes(found.innocents, metric, claim)
        near, near_says = _always(copies, "copies on the near side")
        far, far_says = _always([not vote for vote in innocents], "innocents beyond")
        area = _area(found, metric, claim)
        says.append(f"{metric}: {near_says}, {far_says}, AUC {area:.3f}")
        holds, fewest = holds and near and far, min(fewest, len(copies), len(innocents))
    return _universal(holds, fewest, "; ".join(says))


def _of_series(claim: ExperimentClaim, found: Measured) -> Measured:
    """Return what was measured with the copies of a claim's series alone; all where it has none."""
    members = {n for s in found.experiment.chosen(claim.series) for n in s.members}
    kept = [s for s in found.samples if not (s.is_copy and claim.series) or s.name in members]
    return replace(found, samples=kept)


def _universal(holds: bool, n: int, says: str) -> Result:
    """Return what becomes of a claim that something always holds, by its `n` cases."""
    if not holds:
        return Result("refuted", says)
    return Result("confirmed" if n >= _ENOUGH else "undecided", says, few=0 < n < _ENOUGH)


def _votes(samples: Sequence[Sample], metric: str, claim: ExperimentClaim) -> list[bool]:
    readings = (sample.get(metric, claim.part) for sample in samples)
    return [bool(reading.is_copy) for reading in readings if reading is not None]


def ordered(claim: ExperimentClaim, found: Measured, rng: Rng) -> Result:
    """Test that by each metric every copy is nearer to the victim than every innocent."""
    found = _of_series(claim, found)
    says, holds, fewest = [], True, _ENOUGH
    for metric in metrics_of(claim, found):
        copies = found.values(metric, copies=True, part=claim.part)
        innocents = found.values(metric, copies=False, part=claim.part)
        nearer = [bool(innocents) and copy < min(innocents) for copy in copies]
        says.append(f"{metric}: {_share(sum(nearer), len(nearer))} copies nearer than every one of")
        says[-1] += f" {len(innocents)} innocents, AUC {separation(copies, innocents):.3f}"
        holds, fewest = holds and all(nearer), min(fewest, len(copies), len(innocents))
    return _universal(holds, fewest, "; ".join(says))


def _area(found: Measured, metric: str, claim: ExperimentClaim) -> float:
    near = found.values(metric, copies=True, part=claim.part)
    return separation(near, found.values(metric, copies=False, part=claim.part))


def no_worse(claim: ExperimentClaim, found: Measured, rng: Rng) -> Result:
    """Test that the first metric's area under the curve is no less than the others'."""
    return _compared(claim, found, rng, separation, _no_worse)


def _no_worse(low: float, high: float) -> ClaimOutcome:
    if low >= -SLACK:
        return "confirmed"
    return "refuted" if high < -SLACK else "undecided"


def wider(claim: ExperimentClaim, found: Measured, rng: Rng) -> Result:
    """Test that the first metric's gap is wider than the others'."""
    return _compared(claim, found, rng, gap, _wider)


def _wider(low: float, high: float) -> ClaimOutcome:
    return "confirmed" if low > 0 else "refuted" if high < 0 else "undecided"


def _compared(
    claim: ExperimentClaim,
    found: Measured,
    rng: Rng,
    of: Compared,
    rule: Callable[[float, float], ClaimOutcome],
) -> Result:
    names = metrics_of(claim, found)
    pairs = [(found.values(name, copies=True), found.values(name, copies=False)) for name in names]
    if not all(copies and innocents for copies, innocents in pairs):
        return Result("undecided", "a metric has no copies or no innocents")
    says, outcomes = [f"{names[0]}: {of(*pairs[0]):.3f}"], []
    for i, (name, pair) in enumerate(zip(names[1:], pairs[1:], strict=True)):
        more, low, high = difference_interval(of, pairs[0], pair, rng.child("bootstrap", i))
        outcomes.append(rule(low, high))
        says.append(f"{name}: {of(*pair):.3f}, difference {more:+.3f} ({low:+.3f} to {high:+.3f})")
    n = f"n = {len(pairs[0][0])} copies, {len(pairs[0][1])} innocents"
    return Result(_together(outcomes), "; ".join([*says, n]))


def _together(outcomes: Sequence[ClaimOutcome]) -> ClaimOutcome:
    """Return what holds of all: refuted if one is, confirmed if all are."""
    if "refuted" in outcomes:
        return "refuted"
    return "confirmed" if outcomes and set(outcomes) == {"confirmed"} else "undecided"


def order_p_value(degrees: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Return Kendall's tau-b and the exact one-sided p-value of values that rise with degrees.

    The null is that any order of the values is as likely as any other: all are counted up to seven
    values, beyond them scipy's p-value is taken.

    >>> order_p_value([1, 2, 3, 4], [0.1, 0.2, 0.3, 0.4])
    (1.0, 0.041666666666666664)
    """
    if len(set(values)) < 2 or len(set(degrees)) < 2:
        return 0.0, 1.0
    tau = float(stats.kendalltau(degrees, values).statistic)
    if len(values) > 7:
        return tau, float(stats.kendalltau(degrees, values, alternative="greater").pvalue)
    x = np.sign(np.subtract.outer(degrees, degrees))
    score = (x * np.sign(np.subtract.outer(values, values))).sum()
    others = [
        (x * np.sign(np.subtract.outer(order, order))).sum() >= score
        for order in permutations(values)
    ]
    return tau, float(np.mean(others))


def falls(claim: ExperimentClaim, found: Measured, rng: Rng) -> Result:
    """Test that metrics fall along each series."""
    return _ordered(claim, found, -1.0)


def rises(claim: ExperimentClaim, found: Measured, rng: Rng) -> Result:
    """Test that metrics rise along each series."""
    return _ordered(claim, found, 1.0)


def _ordered(claim: ExperimentClaim, found: Measured, sign: float) -> Result:
    says, outcomes = [], []
    # The same players on a second axis are in the same order: they are tested once.
    chosen = {series.members: series for series in found.experiment.chosen(claim.series)}
    for series in chosen.values():
        for metric in metrics_of(claim, found):
            degrees, values = trend_of(found, series, metric)
            tau, p = order_p_value(degrees, [sign * value for value in values])
            _, against = order_p_value(degrees, [-sign * value for value in values])
            outcome = _by_p(p, against)
            outcomes.append(outcome)
            said = f"tau {sign * tau:+.2f}, p = {p:.2g}, n = {len(values)}, {outcome}"
            says.append(f"{series.title} ({series.axis}), {metric}: {said}")
    return Result(_together(outcomes), "; ".join(says))


def _by_p(p: float, against: float) -> ClaimOutcome:
    return "confirmed" if p <= LEVEL else "refuted" if against <= LEVEL else "undecided"


def trend_of(found: Measured, series: Series, metric: str) -> tuple[list[float], list[float]]:
    """Return degrees and the metric's values, means over repeats.

    Of the figure "gaps" the members are owners, and the value is the copies' mean as a share of the
    innocents'.
    """
    if found.experiment.figure != "gaps":
        pairs = sorted((d, reading.value) for d, _, reading in found.along(series, metric))
        means = [
            (degree, float(np.mean([value for _, value in same])))
            for degree, same in groupby(pairs, key=lambda pair: pair[0])
        ]
        return [degree for degree, _ in means], [value for _, value in means]
    degrees, values = [], []
    for degree, owner in zip(series.degrees, series.members, strict=True):
        mine = found.of_owner(owner)
        copies, innocents = mine.values(metric, copies=True), mine.values(metric, copies=False)
        if copies and innocents and np.mean(innocents) > 0:
            degrees.append(degree)
            values.append(float(np.mean(copies) / np.mean(innocents)))
    return degrees, values


def lost(claim: ExperimentClaim, found: Measured, rng: Rng) -> Result:
    """Test that no copy of the series is on the near side of a metric's threshold."""
    copies = _of_series(claim, found).copies
    says, holds, n = [], True, _ENOUGH
    for metric in metrics_of(claim, found):
        votes = _votes(copies, metric, claim)
        beyond, said = _always([not vote for vote in votes], "copies beyond the threshold")
        values = [r.value for s in copies if (r := s.get(metric)) is not None]
        spread = f", {min(values):.3f} to {max(values):.3f}" if values else ""
        says.append(f"{metric}: {said}{spread}")
        holds, n = holds and beyond, min(n, len(votes))
    return _universal(holds, n, "; ".join(says))


def evades_some(claim: ExperimentClaim, found: Measured, rng: Rng) -> Result:
    """Test that copies evade metrics, and none of them all that apply to it."""
    says, holds, any_evaded = [], [], False
    for sample in found.copies:
        votes = _votes_on(sample, claim, found)
        if not votes:  # a failed match says nothing
            continue
        evaded = [metric for metric, vote in votes.items() if not vote]
        any_evaded = any_evaded or bool(evaded)
        holds.append(len(evaded) < len(votes))
        says.append(f"{sample.title} evades {', '.join(evaded) or 'none'} of {len(votes)}")
    share = _share(sum(holds), len(holds)) + " do not evade all"
    return _universal(all(holds) and any_evaded, len(holds), "; ".join([share, *says]))


def differs(claim: ExperimentClaim, found: Measured, rng: Rng) -> Result:
    """Test by Friedman's that the gap depends on the owner: blocks are the copies."""
    metric = metrics_of(claim, found)[0]
    table = {}
    for owner in found.owners():
        mine = found.of_owner(owner)
        innocents = mine.values(metric, copies=False)
        copies = {s.name: r.value for s in mine.copies if (r := s.get(metric)) is not None}
        if innocents and copies:
            table[owner] = {name: float(np.mean(innocents)) - v for name, v in copies.items()}
    blocks = sorted(set.intersection(*(set(row) for row in table.values()))) if table else []
    if len(table) < 3 or len(blocks) < 3:
        return Result("undecided", f"{len(table)} owners and {len(blocks)} copies are too few")
    columns = [[row[name] for name in blocks] for row in table.values()]
    alike = all(len(set(row)) == 1 for row in zip(*columns, strict=True))
    p = 1.0 if alike else float(stats.friedmanchisquare(*columns).pvalue)
    means = {owner: float(np.mean(list(row.values()))) for owner, row in table.items()}
    best, worst = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    says = (
        f"{metric}: widest {best} ({means[best]:.3f}), narrowest {worst} ({means[worst]:.3f}); "
        f"Friedman's p = {p:.2g}, n = {len(blocks)} copies, {len(table)} owners"
    )
    return Result("confirmed" if p <= LEVEL else "undecided", says)


def same(claim: ExperimentClaim, found: Measured, rng: Rng) -> Result:
    """Test that in each metric all members of each series show what the first one shows."""
    says, holds, n = [], [], 0
    for series in found.experiment.chosen(claim.series):
        for metric in metrics_of(claim, found):
            values = [reading.value for _, _, reading in found.along(series, metric)]
            apart = [abs(value - values[0]) for value in values[1:]]
            holds += [each <= _APART for each in apart]
            n = max(n, len(apart))
            says.append(f"{series.title}, {metric}: at most {max(apart, default=0):.2g} apart")
    return _universal(all(holds), n, f"{'; '.join(says)}; n = {n}")


def below(claim: ExperimentClaim, found: Measured, rng: Rng) -> Result:
    """Test that of every copy the first metric is below each of the others."""
    first, *others = metrics_of(claim, found)
    pairs = [
        (low.value, high.value)
        for sample in _of_series(claim, found).copies
        for other in others
        if (low := sample.get(first)) is not None and (high := sample.get(other)) is not None
    ]
    holds, said = _always([low < high for low, high in pairs], f"below in {first}")
    means = ", ".join(f"{np.mean(side):.3f}" for side in zip(*pairs, strict=True))
    return _universal(holds, len(pairs), f"{said}; means {means}")


_TESTS: Mapping[Test, Callable[[ExperimentClaim, Measured, Rng], Result]] = {
    "voted": voted,
    "separates": separates,
    "ordered": ordered,
    "no-worse": no_worse,
    "wider": wider,
    "falls": falls,
    "rises": rises,
    "lost": lost,
    "evades-some": evades_some,
    "differs": differs,
    "same": same,
    "below": below,
}
