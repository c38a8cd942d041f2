"""What every scheme that hides bits has in common: the bit error rate and its verdict."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from arena.game.statistics import binomial_tail, least_hits
from arena.game.verdict import Rule, Verdict
from arena.world.plain import Json


def bit_error_rate(found: Tensor, wanted: Tensor) -> float:
    """Return the share in [0, 1] of bits (T,) that differ.

    >>> import torch
    >>> bit_error_rate(torch.tensor([1, 0, 1, 1]), torch.tensor([1, 1, 1, 1]))
    0.25
    """
    return float((found.bool() != wanted.bool()).double().mean())


def bits_verdict(
    found: Tensor, wanted: Tensor, level: float, figures: Mapping[str, Json] | None = None
) -> Verdict:
    """Return the verdict on extracted bits (T,): a one-sided binomial test against fair coins.

    The null holds because the owner drew the bits at random and committed to them before it saw the
    suspect. Source: specs/whitebox.md 2.
    """
    n = len(wanted)
    matches = int((found.bool() == wanted.bool()).sum())
    error, p = 1 - matches / n, binomial_tail(matches, n)
    threshold = 1 - least_hits(n, 0.5, level) / n
    is_copy = p <= level
    return Verdict(
        is_copy=is_copy,
        p_value=p,
        statistic=error,
        threshold=threshold,
        name="BER",
        copies="low",
        reason=f"{matches} of {n} bits match",
        rule=Rule("BER = 0", matches == n),
        figures={"n_bits": n, **(figures or {})},
    )
