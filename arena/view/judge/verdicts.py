"""A judgement for people: the evidence line by line, and what it means in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from arena.game.court.reference import SAME
from arena.game.court.verdict import Verdict
from arena.runs.judge.request import Findings
from arena.view.figures.radar import Chart
from arena.world.json_values import Raw

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
    evidence = verdict.figures.get("evidence", {}).get("all")
    if evidence is not None:
        shares = evidence["radar"]["similarities"]
        return [_line(line, shares[line["metric"]]) for line in evidence["lines"]]
    if verdict.withheld:
        return []
    sign = -1 if verdict.copies == "low" else 1
    gap = sign * (verdict.statistic - verdict.threshold)
    vote = verdict.is_copy if verdict.rule is None else verdict.rule.is_copy
    margin = gap / verdict.threshold if verdict.threshold else 0.0
    numbers = (verdict.statistic, verdict.threshold, margin, vote, verdict.p_value)
    return [EvidenceLine(verdict.name, *numbers, verdict.rescaled, 0.5)]


def _line(line: Mapping[str, Raw], similarity: float) -> EvidenceLine:
    bound, tau = float(line["bound"]), float(line["tau"])
    numbers = (float(line["value"]), tau, float(line["margin"]))
    threshold = 1 - tau / bound if bound > 0 else 1.0
    vote, p_value = bool(line["vote"]), float(line["p_value"])
    return EvidenceLine(str(line["metric"]), *numbers, vote, p_value, similarity, threshold)


def silent(verdict: Verdict) -> dict[str, str]:
    """Return the metrics that do not apply, each with its reason."""
    evidence = verdict.figures.get("evidence", {}).get("all", {})
    return dict(evidence.get("not_applicable", {}))


def outcome(verdict: Verdict) -> str:
    """Return the verdict in two or three words."""
    kind = verdict.figures.get("consistency", {}).get("kind")
    if kind in ("exact", "equivalent"):
        return "the same model"
    if verdict.withheld:
        return "no reference" if verdict.withheld == "no reference" else "nothing can be said"
    return "a copy" if verdict.is_copy else "not shown to be a copy"


def consistency(verdict: Verdict) -> str:
    """Return what the first stage found: is the suspect the victim?"""
    found = verdict.figures.get("consistency")
    if found is None:
        return "not examined: it compares weights, which were not read"
    if found["kind"] == "unknown":
        return f"not examined: {found['note']}"
    other = (
        "the suspect is not the victim itself: its logits differ by up to "
        f"{min(float(found['difference']), 1.0):.2g} of the largest"
    )
    return _SAME.get(found["kind"], other)


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
    radar = verdict.figures.get("evidence", {}).get("all", {}).get("radar")
    caption = f"area {radar['area']:.2f}, mean {radar['mean']:.2f}" if radar else ""
    return Chart(
        title=f"{suspect}: {outcome(verdict)}",
        metrics=[line.metric for line in lines],
        similarities=[line.similarity for line in lines],
        thresholds=[line.threshold for line in lines],
        is_copy=verdict.is_copy,
        caption=caption,
    )
