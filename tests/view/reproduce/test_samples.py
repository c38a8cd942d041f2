"""From rows of the ledger to samples."""

from __future__ import annotations

import math
from typing import Any

import pytest

from arena.game.court.evidence import EVIDENCE, Evidence, MetricEvidence
from arena.game.match.rows import InnocentRow
from arena.view.reproduce.samples import AREA_SHARE, Sample, findings_of, merged, samples_of
from arena.world.json_values import Raw
from tests.view.conftest import made_report, row
from tests.view.reproduce.conftest import experiment, sample, series


def evidence(values: dict[str, float], part: str = "all") -> dict[str, Raw]:
    metrics = [
        MetricEvidence(
            metric=metric,
            value=value,
            bound=1.0,
            tau=0.5,
            margin=1 - value / 0.5,
            vote=value <= 0.5,
            p_value=0.1,
            rank_p_value=0.1,
            n_innocents=9,
            similarity=1 - value,
        )
        for metric, value in values.items()
    ]
    found = Evidence(tuple(metrics), {}, p_copy=0.5, p_value=0.1, area=0.0, mean=0.0)
    return {EVIDENCE: {part: found.plain()}}


def innocent(number: int, kind: str = "Neg-1") -> InnocentRow:
    return InnocentRow(
        owner="o",
        number=number,
        kind=kind,
        statistic_name="BER",
        statistic=0.5,
        threshold=0.3,
        utility=0.9,
    )


def one(**more: Any) -> Sample:
    fields = {"statistic_name": "BER", "caught": True, **more}
    (found,) = samples_of(made_report([row("o", "t", 0.5, **fields)]))
    return found


def test_a_statistic_and_its_threshold_are_a_reading() -> None:
    reading = one(statistic=0.1, threshold=0.3).get("BER")
    assert reading is not None
    assert (reading.value, reading.line, reading.is_copy) == (0.1, 0.3, True)


def test_each_line_of_the_evidence_is_a_reading_of_its_part() -> None:
    found = one(figures=evidence({"RobD": 0.2, "JSD": 0.7}, part="held-out"))
    inside, outside = found.get("RobD", "held-out"), found.get("JSD", "held-out")
    assert inside is not None
    assert outside is not None
    assert (inside.is_copy, outside.is_copy, inside.similarity) == (True, False, 0.8)
    assert found.get("RobD") is None


def test_numbers_of_a_verdict_are_readings_without_a_vote() -> None:
    found = one(statistic=0.1, p_value=0.001, utility=0.75, figures={"z": 7.5, "words": "many"})
    told = {name: found.get(name) for name in ("z", "utility", "log10 p", "words")}
    assert told["words"] is None
    values = {name: (r.value, r.is_copy) for name, r in told.items() if r is not None}
    assert values == {"z": (7.5, None), "utility": (0.75, None), "log10 p": (-3.0, True)}


def test_each_owner_has_its_reading_where_several_measure_the_same() -> None:
    rows = [
        row(owner, "t", 0.5, statistic_name="BER", statistic=value, caught=value < 0.3)
        for owner, value in (("literal", 0.5), ("aligned", 0.0))
    ]
    (both,) = merged(samples_of(made_report(rows)))
    names = ("BER", "literal BER", "aligned BER")
    readings = [both.get(name) for name in names]
    assert [(r.value, r.is_copy) for r in readings if r is not None] == [
        (0.5, False),
        (0.5, False),
        (0.0, True),
    ]


@pytest.mark.parametrize(
    ("values", "share"),
    [
        ({"A": 0.0, "B": 0.0, "C": 0.0}, 1.0),
        ({"A": 1.0, "B": 1.0, "C": 1.0}, 0.0),
        ({"A": 0.5, "B": 0.0, "C": 1.0}, 0.5 / 3),
    ],
)
def test_a_charts_share_is_the_mean_product_of_neighbours(
    values: dict[str, float], share: float
) -> None:
    assert one(figures=evidence(values)).get("area") is None  # that of the evidence is another one
    reading = one(figures=evidence(values)).get(AREA_SHARE)
    assert reading is not None
    assert reading.value == pytest.approx(share)
    assert reading.is_copy is None


def test_two_axes_make_no_chart() -> None:
    reading = one(figures=evidence({"A": 0.0, "B": 0.0})).get(AREA_SHARE)
    assert reading is not None
    assert math.isnan(reading.value)


def test_a_failed_round_is_a_sample_without_readings_and_with_its_reason() -> None:
    (found,) = samples_of(made_report([row("o", "t", None)]))
    assert (dict(found.readings), found.note) == ({}, "it broke")


def test_innocents_are_samples_of_their_kind() -> None:
    report = made_report(
        [row("o", "t", statistic_name="BER")],
        [innocent(0), innocent(1, kind="Neg-2")],
    )
    found = samples_of(report)[1:]
    assert [(s.name, s.kind, s.is_copy) for s in found] == [
        ("Neg-1 1", "Neg-1", False),
        ("Neg-2 2", "Neg-2", False),
    ]


def test_what_several_owners_measure_of_one_thief_is_one_sample() -> None:
    both = [sample("t", {"A": 0.1}, owner="a"), sample("t", {"A": 0.9, "B": 0.2}, owner="b")]
    (found,) = merged(both)
    first, second = found.get("A"), found.get("B")
    assert first is not None
    assert second is not None
    assert (found.owner, first.value, second.value) == ("a", 0.1, 0.2)


def test_repeats_and_kinds_are_kept_apart() -> None:
    apart = [sample("t", {}), sample("t", {}, repeat=1), sample("t", {}, kind="Neg-1")]
    found = merged(apart)
    assert [(s.title, s.kind) for s in found] == [
        ("t", "copy"),
        ("t (repeat 2)", "copy"),
        ("t", "Neg-1"),
    ]


def test_a_series_is_walked_in_its_order_by_degree_or_by_a_column() -> None:
    rows = [
        row("o", name, statistic_name="BER", statistic=value, images_queried=asked)
        for name, value, asked in (("c1", 0.4, 30.0), ("c0", 0.2, 10.0))
    ]
    found = findings_of(experiment("curves", ("BER",)), made_report(rows))
    assert [(d, r.value) for d, _, r in found.along(series(2), "BER")] == [(1, 0.2), (2, 0.4)]
    by_column = series(2, degrees=[])
    assert [d for d, _, _ in found.along(by_column, "BER")] == [10.0, 30.0]
    assert list(found.along(series(2), "MR")) == []
