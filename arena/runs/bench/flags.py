"""Flags: what makes the numbers of a scheme mislead, as AutoAttack warns of defences.

Each is a rule on what was measured anyway. Source of the idea: Croce and Hein, ICML 2020, and
RobustBench (Croce et al., NeurIPS 2021).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from arena.game.court.statistics import area_under
from arena.game.match.rows import InnocentRow
from arena.runs.bench.attempts import Attempt
from arena.runs.bench.crossing import Crossing
from arena.runs.bench.intervals import Share
from arena.runs.bench.result import Flag
from arena.runs.bench.search import Chosen

_TELLS = 0.75  # area under the curve from which a verdict tells copies from innocents
_MOST = 0.5  # share of crossings, or of innocents, beyond which it is no accident
_DEAR = 0.05  # utility that protecting may cost: a model that is worth little is not stolen either
_SAME = 1e-12  # statistics that differ by less are one


@dataclass(frozen=True)
class Findings:
    """What was measured of a scheme.

    Attributes:
        attempts: on the reported victims. innocents: verdicts of the same owners.
        calibration: verdicts on innocents of the owners that strengths are chosen on.
        false_positives: how many accuse. level: of p-values, at which the scheme accuses.
        gain: that counts. searched: what the search for strengths tried.
        tries: the attempts that the search consists of.
        crossings: keys held against victims.
    """

    attempts: Sequence[Attempt]
    innocents: Sequence[InnocentRow]
    calibration: Sequence[InnocentRow]
    false_positives: Share
    level: float
    gain: float
    searched: Sequence[Chosen] = ()
    tries: Sequence[Attempt] = ()
    crossings: Sequence[Crossing] = ()


def flags(found: Findings) -> tuple[Flag, ...]:
    """Return what should be known before the numbers are read."""
    return tuple(_flags(found))


def _flags(found: Findings) -> Iterator[Flag]:
    if _ignores_the_suspect(found):
        says = "no thief's suspects have lower p-values than innocents: the verdict ignores them"
        yield Flag(name="ignores-suspect", says=says)
    if accuses_innocents(found.false_positives, found.level):
        rate = found.false_positives
        says = f"accuses {rate.hits} of {rate.n} innocents; its level allows {found.level:g}"
        yield Flag(name="accuses-innocents", says=says)
    if _is_constant(found):
        yield Flag(name="constant-statistic", says="each key has one statistic for all suspects")
    milder = [one.thief for one in found.searched if _stronger_when_milder(one, found.gain)]
    if milder:
        says = f"evaded at a lower strength, caught at a higher one: {', '.join(milder)}"
        yield Flag(name="stronger-when-milder", says=says)
    if any(attempt.is_open for attempt in found.attempts):
        says = "matches broke: what they would decide is counted as stolen"
        yield Flag(name="unfinished", says=says)
    untried = sum(attempt.is_open for attempt in found.tries)
    if untried:
        says = f"strengths were chosen without {untried} of {len(found.tries)} tries, which broke"
        yield Flag(name="untried-strengths", says=says)
    void = sum(attempt.is_void for attempt in found.attempts)
    if void:
        says = f"{void} of {len(found.attempts)} attacks had nothing to steal and count for nobody"
        yield Flag(name="nothing-to-steal", says=says)
    losses = [attempt.row.fidelity_loss for attempt in found.attempts]
    worst = max((loss for loss in losses if loss is not None), default=0.0)
    if worst > _DEAR:
        yield Flag(name="costs-fidelity", says=f"costs a victim {worst:.3f} of utility")
    others = [crossing for crossing in found.crossings if not crossing.own]
    accused = sum(crossing.accused for crossing in others)
    if others and accused > _MOST * len(others):
        says = f"{accused} of {len(others)} keys verify another owner's victim: they are no secrets"
        yield Flag(name="recoverable-key", says=says)


def accuses_innocents(rate: Share, level: float) -> bool:
    """Return whether even the lower end of the interval is more than the level allows."""
    return rate.low > level


def accuses_everybody(rate: Share) -> bool:
    """Return whether more than half of the innocents are accused: then catching says nothing."""
    return rate.n > 0 and rate.hits > _MOST * rate.n


def _ignores_the_suspect(found: Findings) -> bool:
    """Return whether no thief's suspects can be told from innocents by their p-values.

    By the area under the curve of each thief: one that tells nothing has 1/2, up to chance.
    """
    nulls = [-row.p_value for row in found.innocents]
    suspects: dict[str, list[float]] = {}
    for attempt in found.attempts:
        if attempt.row.p_value is not None and not attempt.is_claim:
            suspects.setdefault(attempt.part.thief.name, []).append(-attempt.row.p_value)
    if not nulls or not suspects:
        return False
    return all(area_under(values, nulls) < _TELLS for values in suspects.values())


def _is_constant(found: Findings) -> bool:
    """Return whether every key that judged several suspects found one statistic in all of them."""
    keys: dict[int, list[float]] = {}
    for attempt in found.attempts:
        if attempt.row.statistic is not None:
            keys.setdefault(attempt.victim, []).append(attempt.row.statistic)
    for row in found.innocents:
        if row.statistic is not None:
            keys.setdefault(row.repeat, []).append(row.statistic)
    told = [values for values in keys.values() if len(values) > 1]
    return bool(told) and all(max(values) - min(values) <= _SAME for values in told)


def _stronger_when_milder(chosen: Chosen, gain: float) -> bool:
    """Return whether a thief got away with enough at a strength, and never at a higher one.

    Only of thieves who wear a mark out: to extract more is to copy more, and to be caught for it.
    """
    if chosen.family not in ("modify", "rewrite"):
        return False
    evaded = [one.strength for one in chosen.tried if one.caught == 0 and one.gain >= gain]
    caught = [one.strength for one in chosen.tried if one.caught == one.n]
    return bool(evaded and caught) and min(evaded) < max(caught)
