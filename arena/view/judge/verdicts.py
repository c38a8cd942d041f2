"""A judgement for people: the evidence line by line, and what it means in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from arena.game.court.evidence import ALL, MetricEvidence, consistency_of, evidence_of
from arena.game.court.reference import SAME
from arena.game.court.verdict import Verdict
from arena.runs.judge.request import Findings
from arena.view.exit_codes import ExitCode
from arena.view.figures.radar import Chart

COLUMNS = ("metric", "value", "tau", "margin", "vote", "p-value")
_SAME: Mapping[str, str] = {
    "exact": "the suspect is the victim: all weights are equal",
    "equivalent": "the suspect is the victim, with neurons in another order, scale or sign",
    "same function": "the suspect answers as the victim does on every probe, by other weights",
}
_WEAKER = 0.05  # accuracy that innocents may lack before thresholds are in doubt


@dataclass(frozen=True)
class EvidenceLine:
    """The evidence of one metric; `margin` is how far beyond tau it is, as a share of tau."""

    metric: str
    value: float
    tau: float
    margin: float
    vote: bool
    p_value: float
    similarity: float
    threshold: float  # of the similarity

    def cells(self) -> tuple[str, ...]:
        """Return the line as text, in the order of `COLUMNS`."""
        vote = "copy" if self.vote else "not copy"
        numbers = (f"{self.value:.3f}", f"{self.tau:.3f}", f"{self.margin:+.0%}")
        return (self.metric, *numbers, vote, f"{self.p_value:.2g}")


def lines_of(verdict: Verdict) -> list[EvidenceLine]:
    """Return the evidence that a verdict holds; its own statistic where it holds no more."""
    evidence = evidence_of(verdict.figures).get(ALL)
    if evidence is not None:
        return [_line(one) for one in evidence.metrics]
    if verdict.withheld:
        return []
    sign = -1 if verdict.copies == "low" else 1
    gap = sign * (verdict.statistic - verdict.threshold)
    vote = verdict.is_copy if verdict.rule is None else verdict.rule.is_copy
    margin = gap / verdict.threshold if verdict.threshold else 0.0
    numbers = (verdict.statistic, verdict.threshold, margin, vote, verdict.p_value)
    return [EvidenceLine(verdict.name, *numbers, verdict.rescaled, 0.5)]


def _line(one: MetricEvidence) -> EvidenceLine:
    numbers = (one.value, one.tau, one.margin, one.vote, one.p_value)
    return EvidenceLine(one.metric, *numbers, one.similarity, one.threshold)


def silent(verdict: Verdict) -> dict[str, str]:
    """Return the metrics that do not apply, each with its reason."""
    evidence = evidence_of(verdict.figures).get(ALL)
    return {} if evidence is None else dict(evidence.silent)


def outcome(verdict: Verdict) -> str:
    """Return the verdict in two or three words."""
    found = consistency_of(verdict.figures)
    if found is not None and found.kind in ("exact", "equivalent"):
        return "the same model"
    if verdict.withheld:
        return "no reference" if verdict.withheld == "no reference" else "nothing can be said"
    return "a copy" if verdict.is_copy else "not shown to be a copy"


def exit_code_of(verdict: Verdict) -> ExitCode:
    """Return the exit code of a judgement."""
    if verdict.reason.startswith("not verified"):
        return ExitCode.NO_ANSWER
    same = outcome(verdict) == "the same model"
    return ExitCode.COPY if verdict.is_copy or same else ExitCode.DONE


def consistency(verdict: Verdict) -> str:
    """Return what the first stage found: is the suspect the victim?"""
    found = consistency_of(verdict.figures)
    if found is None:
        return "not examined: it compares weights, which were not read"
    if found.kind == "unknown":
        return f"not examined: {found.note}"
    other = (
        "the suspect is not the victim itself: its logits differ by up to "
        f"{min(found.difference, 1.0):.2g} of the largest"
    )
    return _SAME.get(found.kind, other)


def provenance(verdict: Verdict, level: float) -> str:
    """Return what the second stage found: is the suspect derived from the victim?"""
    if verdict.withheld:
        return f"nothing can be said ({verdict.reason.partition(': ')[2]})"
    if verdict.is_copy:
        return f"derived from the victim ({verdict.reason}, level {level:g})"
    return (
        f"not shown to be derived from the victim ({verdict.reason}, level {level:g}); "
        "a copy that these tests miss would look the same"
    )


def cautions(findings: Findings) -> list[str]:
    """Return what a reader should know before relying on the verdict."""
    said = []
    same = [model for model in findings.innocents if model.kind in (*SAME, "")]
    known = [model.accuracy or 0.0 for model in same]
    mean = sum(known) / len(known) if known else 0.0
    victim = (findings.victim.accuracy if findings.victim else None) or 0.0
    if known and victim < min(known) - _WEAKER:
        said.append(
            f"the victim is weaker than every innocent (accuracy {victim:.3f} against "
            f"{min(known):.3f} and more): check the normalisation in its card"
        )
    if known and mean < victim - _WEAKER:
        said.append(
            f"innocents are weaker than the victim (accuracy {mean:.3f} against {victim:.3f}), so "
            "they may differ from it for that alone; train them longer with --epochs"
        )
    verdict = findings.verdict
    said += [] if verdict is None else list(verdict.findings)
    if verdict is not None and verdict.rule and verdict.rule.is_copy != verdict.is_copy:
        said.append(
            f"the paper's rule ({verdict.rule.name}) says the opposite of the p-value, which "
            "decides; more innocents make both surer"
        )
    return said


def chart_of(findings: Findings, suspect: str) -> Chart | None:
    """Return the chart of a judgement; None where no metric applies."""
    verdict = findings.verdict
    lines = lines_of(verdict) if verdict else []
    if verdict is None or not lines:
        return None
    evidence = evidence_of(verdict.figures).get(ALL)
    caption = f"area {evidence.area:.2f}, mean {evidence.mean:.2f}" if evidence else ""
    return Chart(
        title=f"{suspect}: {outcome(verdict)}",
        metrics=[line.metric for line in lines],
        similarities=[line.similarity for line in lines],
        thresholds=[line.threshold for line in lines],
        is_copy=verdict.is_copy,
        caption=caption,
    )
