"""A judgement in words: lines of evidence, both stages, cautions, the chart."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from arena.game.court.evidence import Evidence, MetricEvidence
from arena.game.court.verdict import Rule, Verdict
from arena.runs.judge.request import ComparedModel, Findings
from arena.view.figures.plots import pixels, render
from arena.view.figures.radar import Chart, draw
from arena.view.judge.page import page
from arena.view.judge.verdicts import (
    EvidenceLine,
    cautions,
    chart_of,
    consistency,
    lines_of,
    outcome,
    provenance,
)

PLAIN = Verdict(True, 0.001, 0.9, 0.5, "MR", "high", "9 of 10 points match", Rule("MR > 0.4", True))
METRICS = (
    MetricEvidence("RobD", 0.2, 0.8, 0.6, 0.67, True, 0.02, 0.1, 9, 0.75),
    MetricEvidence("JSD", 0.5, -0.1, 0.0, 0.0, False, 0.02, 0.1, 9, 0.0),
)
KNOWN: dict[str, Any] = {"architecture": "mlp", "n_classes": 10, "sha256": "5e" * 32}
SILENT = {"NOD": "the hidden layers may not be seen"}
EVIDENCE = Evidence(METRICS, SILENT, p_copy=0.5, p_value=0.04, area=0.0, mean=0.375).plain()
LISTED = dataclasses.replace(PLAIN, figures={"evidence": {"all": EVIDENCE}})


def of_kind(kind: str, **changes: object) -> Verdict:
    figures = {"consistency": {"kind": kind, "difference": 0.25, "note": "it is an interface"}}
    return dataclasses.replace(PLAIN, figures=figures, **changes)  # type: ignore[arg-type]


def findings_of(verdict: Verdict | None, **changes: object) -> Findings:
    asked = {
        "victim": "a/v.pt",
        "suspect": "b/s.pt",
        "data": "digits",
        "access": "labels",
        "scheme": {"name": "x"},
        "seed": 1,
    }
    found = Findings(asked, "judged", verdict=verdict, level=0.01)
    return dataclasses.replace(found, **changes)  # type: ignore[arg-type]


def test_every_metric_is_a_line_with_its_threshold_on_the_chart() -> None:
    first, second = lines_of(LISTED)
    assert first.threshold == pytest.approx(0.25)
    assert dataclasses.replace(first, threshold=0.0) == EvidenceLine(
        "RobD", 0.2, 0.6, 0.67, True, 0.02, 0.75, 0.0
    )
    assert second.threshold == 1.0  # innocents that bound nothing: only the victim itself votes
    assert first.cells() == ("RobD", "0.200", "0.600", "+67%", "copy", "0.02")
    assert second.cells()[4] == "not copy"


@pytest.mark.parametrize(
    ("verdict", "margin"),
    [
        (PLAIN, 0.8),
        (dataclasses.replace(PLAIN, copies="low", statistic=0.1), 0.8),
        (dataclasses.replace(PLAIN, copies="low"), -0.8),
        (dataclasses.replace(PLAIN, threshold=0.0), 0.0),
    ],
)
def test_a_scheme_without_metrics_has_its_statistic_for_a_line(
    verdict: Verdict, margin: float
) -> None:
    (line,) = lines_of(verdict)
    assert (line.metric, line.vote, line.p_value) == ("MR", True, 0.001)
    assert line.margin == pytest.approx(margin)


def test_a_suspect_that_cannot_be_read_has_no_line() -> None:
    verdict = Verdict.unreadable("no metric applies", "MR")
    assert lines_of(verdict) == []
    assert outcome(verdict) == "nothing can be said"
    assert provenance(verdict, 0.01) == "nothing can be said (no metric applies)"
    assert chart_of(findings_of(verdict), "s") is None


@pytest.mark.parametrize(
    ("kind", "words", "verdict"),
    [
        ("exact", "the suspect is the victim: all weights are equal", "the same model"),
        ("equivalent", "with neurons in another order, scale or sign", "the same model"),
        ("same function", "answers as the victim does on every probe", "a copy"),
        ("different", "logits differ by up to 0.25 of the largest", "a copy"),
        ("unknown", "not examined: it is an interface", "a copy"),
    ],
)
def test_the_first_stage_in_words(kind: str, words: str, verdict: str) -> None:
    assert words in consistency(of_kind(kind))
    assert outcome(of_kind(kind)) == verdict


def test_without_weights_the_first_stage_is_not_examined() -> None:
    assert consistency(PLAIN).startswith("not examined")


def test_an_innocent_verdict_does_not_claim_innocence() -> None:
    verdict = dataclasses.replace(PLAIN, is_copy=False)
    assert outcome(verdict) == "not shown to be a copy"
    assert provenance(verdict, 0.01).startswith("not shown to be derived from the victim (9 of 10")
    assert provenance(PLAIN, 0.01) == "derived from the victim (9 of 10 points match, level 0.01)"


def test_weak_innocents_and_two_minds_are_cautioned_of() -> None:
    weak = [ComparedModel(**KNOWN, accuracy=0.8, kind="given")]
    two_minds = dataclasses.replace(PLAIN, is_copy=False)
    strong, near = ComparedModel(**KNOWN, accuracy=0.9), ComparedModel(**KNOWN, accuracy=0.84)
    found = findings_of(two_minds, victim=strong, innocents=weak)
    first, second = cautions(found)
    assert "accuracy 0.800 against 0.900" in first
    assert "the paper's rule (MR > 0.4) says the opposite" in second
    assert cautions(findings_of(PLAIN, victim=near, innocents=weak)) == []


def test_the_page_lists_what_does_not_apply() -> None:
    told = ComparedModel(**KNOWN)
    text = page(findings_of(LISTED, victim=told, suspect=told))
    assert "- NOD does not apply: the hidden layers may not be seen" in text
    assert "| victim | v.pt: mlp, 10 classes |" in text
    assert "| innocents | none yet |" in text


@pytest.mark.parametrize("n", [1, 2, 3, 6])
@pytest.mark.parametrize("is_copy", [True, False])
def test_any_number_of_metrics_can_be_drawn(n: int, is_copy: bool) -> None:
    names = [f"metric {i}" for i in range(n)]
    figure = draw(Chart("s: a copy", names, [0.9] * n, [0.3] * n, is_copy, "area 0.1, mean 0.9"))
    assert figure.axes[0].name == ("polar" if n >= 3 else "rectilinear")
    said = {text.get_text() for text in figure.legends[0].get_texts()}
    assert said == {"the suspect", "votes copy from here on (tau)"}
    red, green = (pixels(render(figure))[..., i].astype(int) for i in (0, 1))
    assert ((red - green > 40).sum() > (green - red > 40).sum()) == is_copy


def test_the_chart_says_area_and_mean() -> None:
    chart = chart_of(findings_of(LISTED), "s.pt")
    assert chart is not None
    assert chart.caption == "area 0.00, mean 0.38"
    assert chart.title == "s.pt: a copy"
    assert list(chart.similarities) == [0.75, 0.0]
