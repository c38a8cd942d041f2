"""What a suite's attempts and an owner's verdicts on innocents say in numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

import numpy as np

from arena.game.court.clusters import clustered_interval
from arena.game.court.statistics import true_rate_at
from arena.game.match.rows import InnocentRow
from arena.runs.bench.attempts import Attempt, by_victim
from arena.runs.bench.intervals import Share, clustered_share
from arena.runs.bench.result import FamilyScore, Spread
from arena.runs.bench.suite import FAMILIES, Family, Suite
from arena.world.rng import Rng

FPR = 0.01
"""The rate of false positives at which copies are counted as found."""


def robust(attempts: Sequence[Attempt], suite: Suite) -> tuple[Share, int]:
    """Return robust ownership, and in how many (victim, seed) a match broke that might decide it.

    The share of (victim, seed) for which every thief of the suite was judged and none evades, or
    wins its claim, with a gain and at a price that count. Where a match broke nobody can say, and
    what is not known is not held: an owner gains nothing by breaking. Where no thief had anything
    to steal, and none won a claim, it counts for nobody.
    """
    cells: dict[tuple[int, int], list[Attempt]] = {}
    for attempt in attempts:
        cells.setdefault(attempt.cell, []).append(attempt)
    held: dict[int, list[bool]] = {}
    unknown = 0
    for (victim, _), tries in cells.items():
        stolen = any(attempt.wins(suite) for attempt in tries)
        is_open = not stolen and any(attempt.is_open for attempt in tries)
        unknown += is_open
        if stolen or is_open or not _is_void(tries):
            held.setdefault(victim, []).append(not stolen and not is_open)
    return clustered_share(held.values()), unknown


def _is_void(tries: Sequence[Attempt]) -> bool:
    """Return whether no thief of a (victim, seed) had anything to steal; claims steal nothing."""
    thefts = [attempt for attempt in tries if attempt.is_judged and not attempt.is_claim]
    return bool(thefts) and all(attempt.is_void for attempt in thefts)


def family_scores(
    attempts: Sequence[Attempt], calibration: Sequence[InnocentRow], suite: Suite
) -> tuple[FamilyScore, ...]:
    """Return what each family did, in the suite's order.

    Args:
        attempts: on the reported victims.
        calibration: verdicts of the owners of the search, on innocents of theirs: the threshold.
        suite: what counts.
    """
    return tuple(
        _family_score(
            family,
            [attempt for attempt in attempts if attempt.part.thief.family == family],
            calibration,
            suite,
        )
        for family in FAMILIES
    )


def _family_score(
    family: Family, attempts: Sequence[Attempt], calibration: Sequence[InnocentRow], suite: Suite
) -> FamilyScore:
    judged = [attempt for attempt in attempts if attempt.is_judged]
    taken: dict[str, list[float]] = {}
    for attempt in (attempt for attempt in judged if not attempt.is_void):
        taken.setdefault(attempt.part.thief.name, []).append(attempt.taken(suite))
    means = {name: fmean(values) for name, values in taken.items()}
    worst = max(means, key=lambda name: means[name], default="")
    return FamilyScore(
        family=family,
        thieves=len({attempt.part.thief.name for attempt in judged}),
        worst_gain=means.get(worst),
        worst_thief=worst,
        found=_found(judged, calibration),
    )


def _found(attempts: Sequence[Attempt], calibration: Sequence[InnocentRow]) -> Share:
    """Return the share of copies that are found at a false-positive rate of 1 %.

    By their p-value, which is at most 1 % and below that of all but 1 % of the calibration
    innocents: few of these cannot show a rate of 1 %, and a p-value alone may promise too much.
    The report's "copies above innocents" draws its line afterwards, from the innocents it reports.
    """
    copies = [attempt for attempt in attempts if not attempt.is_claim and calibration]
    _, threshold = true_rate_at(FPR, [], [-row.p_value for row in calibration])
    return _share(
        copies, lambda attempt: _p_value(attempt) <= FPR and -_p_value(attempt) > threshold
    )


def _p_value(attempt: Attempt) -> float:
    return 1.0 if attempt.row.p_value is None else attempt.row.p_value


def _share(attempts: Sequence[Attempt], holds: Callable[[Attempt], bool]) -> Share:
    """Return the share of attempts of which something holds, clustered by victim."""
    clusters = by_victim(attempts).values()
    return clustered_share([holds(attempt) for attempt in cluster] for cluster in clusters)


def false_positives(innocents: Sequence[InnocentRow]) -> Share:
    """Return how many verdicts on innocents accuse, with an interval over keys and models."""
    keys = sorted({row.repeat for row in innocents})
    n_models = 1 + max((row.number for row in innocents), default=-1)
    accused = np.full((len(keys), n_models), np.nan)
    for row in innocents:
        accused[keys.index(row.repeat), row.number] = row.caught
    low, high = clustered_interval(accused, Rng(0).child("bench", "false positives"))
    hits = sum(row.caught for row in innocents)
    return Share(hits=hits, n=len(innocents), clusters=len(keys), low=low, high=high)


def fidelity_loss(attempts: Sequence[Attempt]) -> Spread | None:
    """Return the utility that protecting cost, over victims; None where nothing was judged."""
    losses = {
        attempt.victim: attempt.row.fidelity_loss
        for attempt in attempts
        if attempt.row.fidelity_loss is not None
    }
    if not losses:
        return None
    values = [loss for loss in losses.values() if loss is not None]
    return Spread(mean=fmean(values), low=min(values), high=max(values))
