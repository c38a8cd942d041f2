"""`arena reproduce`, on a small course played for real."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arena.view.commands.find_scenario import shipped
from arena.view.reproduce import plan as plans
from tests.view.conftest import Command

SMALL = """
name = "small"
description = "one judge, two copies"

[task]
recipe = { epochs = 2 }

[innocents]
calibration_same = 2
calibration_other = 2
reporting_same = 1
reporting_other = 1
calibration_odd = 0
reporting_odd = 0

[experiment]
number = 1
title = "Small"
figure = "strips"
metrics = ["RobD", "JSD"]

[[experiment.claim]]
text = "Copies lie below tau, innocents above"
test = "separates"

[experiment.variants.quick]
"owner.deepjudge.settings.n_seeds" = 20

[[owner]]
scheme = "deepjudge"
verification = "probabilities"
settings = { method = "fgsm", eps = 0.2, n_whitebox = 0, n_seeds = 60 }

[[thief]]
name = "none"
moves = ["none"]

[[thief]]
name = "ft-ll"
moves = [{ move = "ft-ll", settings = { epochs = 1 } }]
"""


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of one experiment, shipped for the time of a test."""
    path = tmp_path / "one.toml"
    path.write_text(SMALL, encoding="utf-8")
    task = {"data": "digits", "recipe": {"epochs": 2}}
    monkeypatch.setattr(plans, "shipped", lambda: {**shipped(), "tiny/one": path})
    monkeypatch.setattr(plans, "task_on", lambda data: (task, "digits"))
    return tmp_path / "out"


@pytest.mark.end_to_end
def test_a_course_leaves_a_page_tables_figures_and_event_files(
    arena: Command, course: Path
) -> None:
    done = arena("reproduce", "tiny", "--out", course, "--jobs", 1)
    assert done.code == 0, done.err
    assert "1. Small" in done.out
    assert "undecided: Copies lie below tau" in done.out or "refuted: Copies" in done.out
    page = (course / "report.md").read_text()
    assert "| 1. Small | Copies lie below tau, innocents above | **" in page
    assert "![1. Small](figures/1-one.png)" in page
    for name in ("figures/1-one.png", "tables/1-one.md", "tables/1-one.csv", "report.json"):
        assert (course / name).stat().st_size > 0, name
    assert list(course.rglob("events.out.tfevents.*"))
    facts = json.loads((course / "report.json").read_text())
    assert (facts[0]["n_copies"], facts[0]["n_innocents"]) == (2, 2)
    again = arena("reproduce", "tiny", "--out", course, "--jobs", 1)
    assert "no steps to make" in again.err
    assert (course / "report.md").read_text() == page


def test_data_that_nobody_knows_are_one_sentence(arena: Command, tmp_path: Path) -> None:
    done = arena("reproduce", "lecture", "--data", "nonsense", "--out", tmp_path / "x")
    assert done.code == 2
    assert "nonsense" in done.err
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_the_whole_lecture_on_digits(arena: Command, tmp_path: Path) -> None:
    done = arena("reproduce", "lecture", "--quick", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    facts = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [chapter["number"] for chapter in facts] == list(range(1, 13))
    assert [chapter["failed"] for chapter in facts] == [[]] * 12
    first = facts[0]["claims"][0]["because"]
    assert "RobD: 6 of 6" in first  # all six copies lie below tau
