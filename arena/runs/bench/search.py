"""The search for strengths, on owners that are never reported."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from pydantic import FiniteFloat

from arena.runs.bench.attempts import Attempt
from arena.runs.bench.bounds import Amount, Count, Rate
from arena.runs.bench.suite import Family, Suite
from arena.world.json_values import Frozen


class Tried(Frozen):
    """One strength of a thief on the calibration owners.

    Attributes:
        strength: in [0, 1]. taken: what it took at a price that counts, the mean over owners.
        gain: with or without being caught. caught: in how many of `n` attempts.
        rescaled: the owners' statistic with the threshold at 0.5, copies high; the mean.
        price: in trainings of the victim.
    """

    strength: Rate
    taken: Rate
    gain: Rate
    caught: Count
    n: Count
    rescaled: FiniteFloat
    price: Amount


class Chosen(Frozen):
    """The strength that a thief is reported at, and all that were tried, mildest first."""

    thief: str
    family: Family
    strength: Rate
    tried: tuple[Tried, ...]


def choose(attempts: Sequence[Attempt], suite: Suite) -> tuple[Chosen, ...]:
    """Return the strength of every thief: the one that takes most from the calibration owners.

    Where none takes anything, it is the one that comes nearest: a gain that would count first, then
    the owner's weakest statistic; and the mildest of those that are alike.
    """
    found: dict[tuple[str, Family], dict[float, list[Attempt]]] = {}
    for attempt in attempts:
        part = attempt.part
        if attempt.is_judged and part.strength is not None:
            tries = found.setdefault((part.thief.name, part.thief.family), {})
            tries.setdefault(part.strength, []).append(attempt)
    return tuple(_chosen(name, family, tries, suite) for (name, family), tries in found.items())


def _chosen(name: str, family: Family, tries: dict[float, list[Attempt]], suite: Suite) -> Chosen:
    tried = tuple(_tried(strength, tries[strength], suite) for strength in sorted(tries))
    best = max(
        tried,
        key=lambda one: (
            one.taken,
            one.gain >= suite.gain and one.price <= suite.price,
            -one.rescaled,
            -one.strength,
        ),
    )
    return Chosen(thief=name, family=family, strength=best.strength, tried=tried)


def _tried(strength: float, attempts: Sequence[Attempt], suite: Suite) -> Tried:
    rows = [attempt.row for attempt in attempts]
    return Tried(
        strength=strength,
        taken=fmean(attempt.taken(suite) for attempt in attempts),
        gain=fmean(row.gain or 0.0 for row in rows),
        caught=sum(bool(row.caught) for row in rows),
        n=len(rows),
        rescaled=fmean(row.rescaled or 0.0 for row in rows),
        price=fmean(row.cost or 0.0 for row in rows),
    )
