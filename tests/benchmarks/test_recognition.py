"""The benchmark of fingerprints: its figures, its intervals, what it leaves out, its lines."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.game.court.statistics import area_under
from arena.game.court.verdict import Verdict
from arena.world.rng import Rng
from benchmarks.fingerprints import dataset_inference, recognition
from benchmarks.fingerprints.recognition import bounds, drawn_figures, figures, tables_of


@given(st.integers(0, 10**6))
def test_the_area_is_that_of_all_pairs(seed: int) -> None:
    draw = Rng(seed).numpy()
    copies, innocents = draw.integers(0, 5, (3, 2)), draw.integers(0, 5, (3, 7))
    area, rate = figures(copies.astype(float), innocents.astype(float))
    assert area == pytest.approx(area_under(list(copies.ravel()), list(innocents.ravel())))
    assert rate == float((copies > innocents.max()).mean())  # of 21 innocents none may be above


def test_one_innocent_in_a_hundred_may_lie_above() -> None:
    innocents = np.arange(200.0).reshape(2, 100)
    assert figures(np.array([[197.5, 196.5]]), innocents)[1] == 0.5


def test_draws_are_paired_and_one_that_never_varies_gets_the_exact_interval() -> None:
    draw = np.random.default_rng(0)
    part = draw.normal(1, 1, (4, 2)), draw.normal(0, 1, (4, 9))
    found = drawn_figures({"akh": part, "twin": part}, Rng(0))
    assert np.array_equal(found["akh"], found["twin"])
    low, high = bounds(found["akh"][:, 0], (0.0, 1.0))
    assert 0 < low < figures(*part)[0] < high <= 1
    assert bounds(np.ones(50), (0.7, 1.0)) == (0.7, 1.0)


def test_a_scheme_that_cannot_read_a_kind_is_left_out_of_its_table() -> None:
    read = {"transfer": [1.0, 0.9], "moved": [0.1, 0.2, 0.3]}
    found = [{"reef": read, "akh": {kind: [math.nan] * len(v) for kind, v in read.items()}}] * 2
    tables = tables_of(found, "transfer")
    assert list(tables) == ["reef"]
    assert [part.shape for part in tables["reef"]] == [(2, 2), (2, 3)]


def test_a_line_counts_what_the_published_test_and_the_verdict_accuse() -> None:
    verdicts = [
        Verdict(p <= 0.01, p, 0.5, 0.3, "mean difference", "high", "", figures={"welch_p": welch})
        for p, welch in ((0.001, 0.001), (0.2, 0.001), (0.5, 0.5))
    ]
    line = dataset_inference.told("Neg-2", [*verdicts, Verdict.no_reference("nobody is like it")])
    assert "2 of  3      1 of  3" in line
    assert line.endswith("no reference 1")


@pytest.mark.slow
def test_a_short_run_ends_with_its_bar(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path_factory.mktemp("recognition")
    asked = ["--quick", "--out", str(folder), "akh", "reef"]
    recognition.main(asked)
    first = capsys.readouterr().out
    recognition.main(asked)
    assert capsys.readouterr().out == first
    assert "the surest lead over akh in AUC" in first
