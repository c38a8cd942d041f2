"""What every scheme that hides bits has in common: the bit error rate and its verdict."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from arena.game.court.statistics import binomial_tail, count_p_value, dealt_tail
from arena.game.court.verdict import Rule, Verdict
from arena.world.json_values import Json


@dataclass(frozen=True)
class BitReading:
    """The bits that a key finds in a suspect.

    Attributes:
        found: (n,) what the suspect says. wanted: (n,) what the owner wrote.
        dealt: whether it was given how many bits the suspect says are set, and only where was read.
        rule: the paper's own; BER = 0 where none is given.
        figures: further values for the record.
    """

    found: Tensor
    wanted: Tensor
    dealt: bool = False
    rule: Rule | None = None
    figures: Mapping[str, Json] = field(default_factory=dict)

    @property
    def n_matches(self) -> int:
        """Return how many bits match."""
        return int((self.found.bool() == self.wanted.bool()).sum())

    def tail(self, n_matches: int) -> float:
        """Return how probable at least so many matches are in an independent model."""
        if not self.dealt:
            return binomial_tail(n_matches, len(self.wanted))
        counts = [torch.bincount(bits.int(), minlength=2) for bits in (self.found, self.wanted)]
        return dealt_tail(n_matches, *(each.tolist() for each in counts))


def bit_error_rate(found: Tensor, wanted: Tensor) -> float:
    """Return the share in [0, 1] of bits (T,) that differ.

    >>> import torch
    >>> bit_error_rate(torch.tensor([1, 0, 1, 1]), torch.tensor([1, 1, 1, 1]))
    0.25
    """
    return float((found.bool() != wanted.bool()).double().mean())


def reading_verdict(
    reading: BitReading,
    level: float,
    null_matches: Sequence[int] | None = None,
    readings: int = 1,
) -> Verdict:
    """Return the verdict on a reading: a binomial test, and one against null models where given.

    The bits of an innocent model are fair coins to the owner: it drew its own at random and
    committed to them before it saw the suspect. The papers ask for BER = 0; the exact test is ours.

    Args:
        reading: of the suspect.
        level: the p-value at which it is called a copy.
        null_matches: matches of independent models. Whoever gives them says that the verifier may
            see bits where there are none (a trained extractor, an alignment with a marked model):
            the larger p-value counts, and fewer than two nulls prove nothing.
        readings: how many of these matches are of one model, read in several ways.
    """
    n, matches = len(reading.wanted), reading.n_matches

    def p_value(k: int) -> float:
        p = reading.tail(k)
        return p if null_matches is None else max(p, count_p_value(k, n, null_matches, readings))

    p, said = p_value(matches), f"{matches} of {n} bits match"
    if null_matches is not None and p_value(n) > level:
        said += (
            f"; {len(null_matches) // readings} independent models let nobody be accused at "
            f"{level:g}, calibrate on more of them"
        )
    return Verdict(
        is_copy=p <= level,
        p_value=p,
        statistic=1 - matches / n,
        threshold=1 - _least(n, p_value, level) / n,
        name="BER",
        copies="low",
        reason=said,
        rule=reading.rule or Rule("BER = 0", matches == n),
        figures={"n_bits": n, **reading.figures},
    )


def _least(n: int, p_value: Callable[[int], float], level: float) -> int:
    """Return the least number of matches whose p-value is at most the level; n + 1 for none."""
    return bisect.bisect_left(range(n + 1), True, key=lambda k: p_value(k) <= level)
