"""Verdicts: what an owner's verification says of one suspect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from arena.world.json_values import Json, Raw

VerdictOutcome = Literal["copy", "not shown", "no reference", "unreadable"]
"""A copy; not shown to be one; nothing to compare it with; nothing that the key could read."""


@dataclass(frozen=True)
class Rule:
    """The decision rule of a paper, reported beside the p-value and never instead of it."""

    name: str  # e.g. "BER = 0"
    is_copy: bool


@dataclass(frozen=True)
class Verdict:
    """One judgement. `is_copy` follows from the p-value at the scheme's level alone.

    Attributes:
        is_copy: the claim "this is derived from my model".
        p_value: probability, for a model that is not derived, of a statistic at least as extreme.
        statistic: the measured value, in the unit of `name`.
        threshold: the value of the statistic at which the verdict turns.
        name: what the statistic is ("BER", "TSA", "RobD", ...).
        copies: whether copies have "low" or "high" statistics.
        reason: one sentence; for a suspect that cannot be read, why.
        rule: the paper's own rule.
        figures: further values for the record.
        reference: the independent models that it was compared with, in words; "" where the null is
            exact and needs none.
        findings: sentences about the suspect that a reader should know beside the p-value.
        withheld: why there is no verdict: the suspect could not be read, or nothing is like it.
    """

    is_copy: bool
    p_value: float
    statistic: float
    threshold: float
    name: str
    copies: Literal["low", "high"]
    reason: str
    rule: Rule | None = None
    figures: Mapping[str, Raw] = field(default_factory=dict)
    reference: str = ""
    findings: tuple[str, ...] = ()
    withheld: Literal["", "no reference", "unreadable"] = ""

    @property
    def outcome(self) -> VerdictOutcome:
        """Return the outcome as one of four."""
        if self.withheld:
            return self.withheld
        return "copy" if self.is_copy else "not shown"

    @property
    def rescaled(self) -> float:
        """Return the statistic mapped to [0, 1] with its threshold at 0.5, copies high.

        With w the statistic (1 - statistic where copies are low) and t its threshold:
        0.5 / (1 - t) * w + (0.5 - t) / (1 - t), clipped. Source: Lukas et al., S&P 2022.
        """
        flip = self.copies == "low"
        w = 1 - self.statistic if flip else self.statistic
        t = 1 - self.threshold if flip else self.threshold
        if t >= 1:
            return 1.0 if w >= t else 0.5 * max(w, 0.0) / t
        return min(1.0, max(0.0, 0.5 / (1 - t) * w + (0.5 - t) / (1 - t)))

    @classmethod
    def unreadable(
        cls, reason: str, name: str = "", copies: Literal["low", "high"] = "high"
    ) -> Verdict:
        """Return "not verified" for a suspect that lacks what the key reads."""
        worst = 0.0 if copies == "high" else 1.0
        said = f"not verified: {reason}"
        return cls(False, 1.0, worst, 0.5, name, copies, said, withheld="unreadable")

    @classmethod
    def no_reference(
        cls, reason: str, name: str = "", copies: Literal["low", "high"] = "high"
    ) -> Verdict:
        """Return "no reference" for a suspect that no independent model is like."""
        worst = 0.0 if copies == "high" else 1.0
        said = f"no reference: {reason}"
        return cls(False, 1.0, worst, 0.5, name, copies, said, withheld="no reference")

    def plain(self) -> dict[str, Json]:
        """Return the verdict as JSON values, with what follows from it."""
        return {
            "is_copy": self.is_copy,
            "p_value": self.p_value,
            "statistic": self.statistic,
            "threshold": self.threshold,
            "statistic_name": self.name,
            "rescaled": self.rescaled,
            "reason": self.reason,
            "rule": self.rule.name if self.rule else "",
            "rule_is_copy": self.rule.is_copy if self.rule else None,
            "figures": dict(self.figures),
            "outcome": self.outcome,
            "reference": self.reference,
            "findings": list(self.findings),
        }
