"""The statistics that verdicts and tables rest on, in double precision."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import scipy  # its parts load when they are first used

_LEFT_OUT = 0.1  # the nulls' spread is taken at its upper confidence limit of 1 - this


def binomial_tail(hits: int, n: int, p: float = 0.5) -> float:
    """Return P(Bin(n, p) >= hits): the p-value of at least so many matches by chance.

    >>> round(binomial_tail(41 + 18, 100, 0.5), 4)
    0.0443
    """
    return float(scipy.stats.binom.sf(hits - 1, n, p)) if n else 1.0


def least_hits(n: int, p: float, level: float) -> int:
    """Return the least number of matches out of `n` with a p-value of at most `level`.

    `n + 1` when even `n` matches would not do.

    >>> least_hits(100, 0.1, 1e-6), least_hits(64, 0.5, 1e-6)
    (28, 51)
    """
    # scipy inverts 1 - level, which fails below 1e-16: search the tail itself.
    return bisect.bisect_left(
        range(n + 1), True, key=lambda hits: binomial_tail(hits, n, p) <= level
    )


def dealt_tail(hits: int, answers: Sequence[int], labels: Sequence[int]) -> float:
    """Return P(at least so many matches) where labels are dealt to answers at random.

    Which answers and which labels there are is given: a model that says one class to everything
    matches as often as there are labels of it, and its p-value is 1. Exact, by rook polynomials
    and inclusion and exclusion (Riordan: An Introduction to Combinatorial Analysis, 1958).

    Args:
        hits: matches.
        answers: how many there are of each class (C,).
        labels: how many there are of each class (C,); as many together.

    >>> dealt_tail(20, [100, 0, 0], [20, 50, 30]), dealt_tail(2, [1, 1], [1, 1])
    (1.0, 0.5)
    """
    n, rooks = sum(labels), _rooks(tuple(answers), tuple(labels))
    if hits <= 0:
        return 1.0
    sums = [
        math.comb(k - 1, hits - 1) * rooks[k] * math.factorial(n - k)
        for k in range(hits, len(rooks))
    ]
    return (sum(sums[::2]) - sum(sums[1::2])) / math.factorial(n)


@lru_cache(maxsize=4)  # one verdict asks for many tails of the same counts
def _rooks(answers: tuple[int, ...], labels: tuple[int, ...]) -> list[int]:
    """Return in how many ways k answers can be given a label that matches, for every k."""
    ways = [1]
    for n_answers, n_labels in zip(answers, labels, strict=True):
        most = min(n_answers, n_labels)
        of_class = [math.comb(n_answers, k) * math.perm(n_labels, k) for k in range(most + 1)]
        grown = [0] * (len(ways) + most)
        for i, before in enumerate(ways):
            for k, way in enumerate(of_class):
                grown[i + k] += before * way
        ways = grown
    return ways


def null_p_value(value: float, nulls: Sequence[float], *, high: bool) -> float:
    """Return the p-value of one new value against the values of null models.

    The test: Student's t for one further observation from a normal population, with
    t = (value - mean) / (s * sqrt(1 + 1/n)) and n - 1 degrees of freedom. What a null reached
    itself is no rarer than its rank, whatever the normal fit says; where the nulls have no spread
    at all, the rank test (1 + #extreme) / (1 + n) is all that can be said.

    Args:
        value: the suspect's statistic.
        nulls: at least two values, of models that were not used for anything else.
        high: whether high values speak for a copy.
    """
    sample = np.asarray(nulls, dtype=np.float64)
    if len(sample) < 2:
        return 1.0
    signed, null = (value, sample) if high else (-value, -sample)
    spread = float(null.std(ddof=1))
    if null.max() == null.min():  # rounding may leave a spread of 1e-17
        return rank_p_value(value, nulls, high=high)
    t = (signed - float(null.mean())) / (spread * math.sqrt(1 + 1 / len(null)))
    tail = float(scipy.stats.t.sf(t, len(null) - 1))
    return max(tail, rank_p_value(value, nulls, high=high)) if null.max() >= signed else tail


def rank_p_value(value: float, nulls: Sequence[float], *, high: bool) -> float:
    """Return the exact rank p-value (1 + number of nulls as extreme) / (1 + n)."""
    sample = np.asarray(nulls, dtype=np.float64)
    extreme = int((sample >= value).sum() if high else (sample <= value).sum())
    return (1 + extreme) / (1 + len(sample))


def count_p_value(count: int, n: int, null_counts: Sequence[int], readings: int = 1) -> float:
    """Return the p-value of `count` of `n` answers against the counts of null models.

    The tail of a beta-binomial, as a model's count varies for two reasons: models differ in their
    rate, and a rate is seen through few answers. Its mean is that of the nulls (Jeffreys' prior: no
    count at all does not make one a proof); its spread the upper 90 % limit for theirs, and never
    less than the answers of all nulls together leave open. What a null reached itself is besides no
    rarer than its rank. Fewer than two nulls prove nothing: 1.

    Args:
        count: of the suspect.
        n: answers of each model.
        null_counts: of the null models.
        readings: counts of each null model, one model's after the other, where models are read in
            several ways. They count as so many as `worth_of` says.

    Student's t over the rates, in its place, called more than 3 % of models rare at .01 where rates
    are skewed (tests/game/court/test_statistics.py).

    >>> count_p_value(1, 30, [0] * 12) > 0.01 > count_p_value(3, 30, [0] * 12)
    True
    >>> fair = [33, 30, 35, 28, 31, 36, 32, 29]
    >>> count_p_value(64, 64, fair) < 1e-6 < 0.2 < count_p_value(34, 64, fair)
    True
    """
    if len(null_counts) < 2 * readings or not n:
        return 1.0
    n_nulls = worth_of(null_counts, readings)
    n_shown = n * n_nulls
    mean = (sum(null_counts) / len(null_counts) * n_nulls + 0.5) / (n_shown + 1)
    limit = (n_nulls - 1) / float(scipy.stats.chi2.ppf(_LEFT_OUT, n_nulls - 1))
    rates = np.asarray(null_counts, dtype=np.float64) / n
    variance = float(rates.var(ddof=1)) * limit * (1 + 1 / n_nulls)
    excess = variance / (mean * (1 - mean) / n) - 1  # over that of independent answers
    correlation = min(max(excess / max(n - 1, 1), 1 / (n_shown + 2)), 0.999)  # within a model
    size = 1 / correlation - 1
    tail = np.arange(count, n + 1)  # summed: scipy's own tail is 1 - cdf, which ends at 1e-16
    p = float(scipy.stats.betabinom.pmf(tail, n, mean * size, (1 - mean) * size).sum())
    extreme = sum(found >= count for found in null_counts) / len(null_counts)
    rank = (1 + extreme * n_nulls) / (1 + n_nulls) if extreme else 0.0
    return min(1.0, max(p, rank))


def worth_of(values: Sequence[float], readings: int) -> float:
    """Return how many independent values those of several models are worth.

    The readings of one model are alike: by Kish's design effect (Survey sampling, 1965), with the
    intraclass correlation of an analysis of variance; where all agree they are worth their models.

    Args:
        values: of at least two models, one model's after the other.
        readings: how many each model has.

    >>> worth_of([3, 5, 4, 6], 1), worth_of([5, 5, 5, 9, 9, 9], 3), worth_of([1, 9, 1, 9], 2)
    (4.0, 2.0, 4.0)
    """
    each = np.asarray(values, dtype=np.float64).reshape(-1, readings)
    if readings == 1:
        return float(len(each))
    between, within = readings * each.mean(1).var(ddof=1), each.var(1, ddof=1).mean()
    total = between + (readings - 1) * within
    alike = max((between - within) / total, 0.0) if total else 1.0
    return float(each.size / (1 + (readings - 1) * alike))


def null_threshold(nulls: Sequence[float], level: float, *, high: bool) -> float:
    """Return the value from which `null_p_value` is at most `level`; infinite where none is."""
    sample = np.asarray(nulls, dtype=np.float64)
    if len(sample) < 2:
        return math.inf if high else -math.inf
    signed, n = (sample if high else -sample), len(sample)
    if signed.max() == signed.min():
        reach = 0.0 if 1 / (1 + n) <= level else math.inf
    else:
        t = float(scipy.stats.t.isf(level, n - 1))
        reach = t * float(signed.std(ddof=1)) * math.sqrt(1 + 1 / n)
    at = max(float(signed.mean()) + reach, rank_threshold(signed.tolist(), level))
    return at if high else -at


def rank_threshold(nulls: Sequence[float], level: float) -> float:
    """Return the value from which the rank among nulls, copies high, leaves a p-value of `level`.

    Past all of them, or past all but as many as the level allows.
    """
    n_before = sum((2 + k) / (1 + len(nulls)) <= level for k in range(len(nulls)))
    if n_before == len(nulls):
        return -math.inf
    return math.nextafter(sorted(nulls, reverse=True)[n_before], math.inf)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values: valid together, whatever the dependence (Holm 1979).

    A hypothesis is rejected at a family-wise level where its adjusted p-value is at most that.

    >>> holm([0.01, 0.04]), [p <= 0.01 for p in holm([0.001, 0.02, 0.004])]
    ([0.02, 0.04], [True, False, True])
    """
    found, largest = [1.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, p_values[i] * (len(p_values) - rank)))
        found[i] = largest
    return found


def proportion_interval(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact (Clopper-Pearson) interval of a proportion.

    >>> low, high = proportion_interval(0, 20)
    >>> low, round(high, 4)
    (0.0, 0.1684)
    """
    if n == 0:
        return 0.0, 1.0
    tail = (1 - confidence) / 2
    low = float(scipy.stats.beta.ppf(tail, hits, n - hits + 1)) if hits else 0.0
    high = float(scipy.stats.beta.ppf(1 - tail, hits + 1, n - hits)) if hits < n else 1.0
    return low, high


def true_rate_at(
    rate: float, copies: Sequence[float], innocents: Sequence[float]
) -> tuple[int, float]:
    """Return how many copies show more than all but a share of innocents, and the threshold.

    Args:
        rate: the share of innocents that may lie above the threshold, in [0, 1).
        copies: a statistic of copies; copies are high.
        innocents: the same of innocents; with fewer than 1 / rate of them none may lie above.

    >>> true_rate_at(0.01, [0.9, 0.8, 0.2], [0.1, 0.3])
    (2, 0.3)
    """
    ranked = sorted(innocents, reverse=True)
    threshold = ranked[int(rate * len(ranked))] if ranked else math.inf
    return sum(value > threshold for value in copies), threshold


def area_under(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """Return the area under the curve: the share of pairs in the right order, ties for one half.

    >>> area_under([0.9, 0.8], [0.1, 0.9])
    0.625
    """
    pairs = np.asarray(positives)[:, None] - np.asarray(negatives)
    return float((pairs > 0).mean() + (pairs == 0).mean() / 2)


def area_interval(
    area: float, n_positives: int, n_negatives: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Return an interval for an area under the curve that is honest at 0 and 1 as well.

    All areas from which the measured one is no further than the normal quantile times the standard
    error that they would have themselves. Source: Hanley and McNeil, Radiology 1982 (the error);
    Newcombe, Statistics in Medicine 2006 (its inversion, with the mean of both numbers).

    >>> low, high = area_interval(1.0, 10, 10)
    >>> round(low, 2), high
    (0.8, 1.0)
    """
    if not n_positives or not n_negatives:
        return 0.0, 1.0
    z, rest = scipy.stats.norm.isf((1 - confidence) / 2), (n_positives + n_negatives) / 2 - 1

    def excess(a: float) -> float:
        shape = 1 + rest * ((1 - a) / (2 - a) + a / (1 + a))
        return float((area - a) ** 2 - z**2 * a * (1 - a) * shape / (n_positives * n_negatives))

    step = 1e-9  # at 0 and at 1 an area is no distance from itself and has no error
    low = float(scipy.optimize.brentq(excess, 0.0, area - step)) if area > step else 0.0
    high = float(scipy.optimize.brentq(excess, area + step, 1.0)) if area < 1 - step else 1.0
    return low, high
