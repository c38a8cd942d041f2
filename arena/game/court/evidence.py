"""Evidence of several metrics at once, as a verdict's figures hold it.

A scheme that measures more than its one statistic reports every metric here; whoever shows a
verdict reads them back, whatever the scheme is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from arena.world.json_values import Json, Raw

EVIDENCE, CONSISTENCY = "evidence", "consistency"
"""Names among a verdict's figures."""

ALL = "all"
"""The name of the evidence on all of a key's tests."""


@dataclass(frozen=True)
class MetricEvidence:
    """One metric of a suspect beside those of innocents.

    Attributes:
        metric: its name. value: a distance, 0 for the victim itself.
        bound: what the innocents' mean is above. tau: below it the metric votes "copy".
        margin: how far beyond tau the value is, as a share of tau.
        vote: whether the metric votes "copy". p_value, rank_p_value: against the innocents.
        n_innocents: how many those are.
        similarity: in [0, 1], 1 as near as the victim itself, 0 as far as innocents are.
    """

    metric: str
    value: float
    bound: float
    tau: float
    margin: float
    vote: bool
    p_value: float
    rank_p_value: float
    n_innocents: int
    similarity: float

    @property
    def threshold(self) -> float:
        """The similarity at tau."""
        return 1 - self.tau / self.bound if self.bound > 0 else 1.0


@dataclass(frozen=True)
class Evidence:
    """What several metrics say of one suspect, on one part of a key's tests.

    Attributes:
        metrics: those that apply. silent: the others, each with the reason.
        p_copy: share in [0, 1] of votes for "copy". p_value: combined.
        area, mean: of the similarities in a radar chart.
    """

    metrics: tuple[MetricEvidence, ...]
    silent: Mapping[str, str]
    p_copy: float
    p_value: float
    area: float
    mean: float

    @property
    def similarities(self) -> dict[str, float]:
        """The similarity by metric, in order."""
        return {one.metric: one.similarity for one in self.metrics}

    def plain(self) -> dict[str, Json]:
        """Return the evidence as JSON values."""
        lines = [
            {key: value for key, value in vars(one).items() if key != "similarity"}
            for one in self.metrics
        ]
        return {
            "lines": lines,
            "not_applicable": dict(self.silent),
            "p_copy": self.p_copy,
            "p_value": self.p_value,
            "radar": {"similarities": self.similarities, "area": self.area, "mean": self.mean},
        }

    @classmethod
    def of(cls, data: Mapping[str, Raw]) -> Evidence:
        """Read evidence back."""
        radar, shares = data["radar"], data["radar"]["similarities"]
        metrics = [
            MetricEvidence(**line, similarity=shares[line["metric"]]) for line in data["lines"]
        ]
        return cls(
            metrics=tuple(metrics),
            silent=dict(data["not_applicable"]),
            p_copy=data["p_copy"],
            p_value=data["p_value"],
            area=radar["area"],
            mean=radar["mean"],
        )


def evidence_of(figures: Mapping[str, Raw]) -> dict[str, Evidence]:
    """Return the evidence among a verdict's figures, by part of the tests."""
    return {part: Evidence.of(data) for part, data in figures.get(EVIDENCE, {}).items()}


@dataclass(frozen=True)
class Consistency:
    """Whether a suspect is the victim itself.

    Attributes:
        kind: "exact" (the same weights), "equivalent" (the same up to order, scale and sign of
            neurons), "same function" (the same answers on all probes, by weights that could not be
            brought back to the victim's), "different", or "unknown".
        difference: the largest difference of two logits on the probes, as a share of the largest.
        note: why nothing could be compared.
    """

    kind: Literal["exact", "equivalent", "same function", "different", "unknown"]
    difference: float = 0.0
    note: str = ""

    def plain(self) -> dict[str, Json]:
        """Return the finding as JSON values."""
        if self.kind == "unknown":
            return {"kind": self.kind, "note": self.note}
        return {"kind": self.kind, "difference": self.difference}


def consistency_of(figures: Mapping[str, Raw]) -> Consistency | None:
    """Return the comparison with the victim among a verdict's figures; None where there is none."""
    found = figures.get(CONSISTENCY)
    return None if found is None else Consistency(**found)
