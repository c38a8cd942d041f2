"""The autograder's zip: unpacked and run as the platform does, with its cool-down."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from arena.errors import DataError, StoreError
from arena.runs.course.assignment import Assignment
from arena.runs.course.autograde import Settings, autograde
from arena.view.course.gradescope import write_zip
from tests.game.sandbox.conftest import needs_sandbox
from tests.runs.course.conftest import attack_text

METADATA: dict[str, Any] = {
    "id": 1,
    "created_at": "2026-11-01T12:00:00.000000-07:00",
    "users": [{"email": "alice@example.org", "id": 7, "name": "Alice"}],
    "assignment": {"due_date": "2026-12-01T12:00:00.000000-08:00"},
    "previous_submissions": [],
}


def earlier(minutes: int, results: dict[str, Any] | None) -> dict[str, Any]:
    time = f"2026-11-01T11:{60 - minutes:02}:00.000000-07:00"
    return {"submission_time": time, "score": 2.5, "results": results}


@pytest.fixture
def platform(assignment: Assignment, tmp_path: Path) -> Path:
    """The folder of a platform, with the zip unpacked and a submission in it."""
    archive = tmp_path / "autograder.zip"
    write_zip(assignment, archive, Settings(cool_down_min=30))
    root = tmp_path / "autograder"
    for name in ("source", "submission", "results"):
        (root / name).mkdir(parents=True)
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            path = Path(opened.extract(entry, root / "source"))
            if entry.external_attr >> 16:
                path.chmod(entry.external_attr >> 16)
    (root / "submission" / "my_attack.py").write_text(attack_text())
    (root / "submission_metadata.json").write_text(json.dumps(METADATA))
    return root


def test_the_zip_holds_the_hidden_part_and_no_solution(platform: Path) -> None:
    source = platform / "source"
    found = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    assert found == {
        *("setup.sh", "run_autograder", "autograde.json", "assignment/assignment.toml"),
        *("assignment/hidden/hidden.toml", "assignment/hidden/secret", "assignment/my_attack.py"),
    }
    for name in ("setup.sh", "run_autograder"):
        assert (source / name).stat().st_mode & stat.S_IXUSR
        checked = subprocess.run(["bash", "-n", source / name], capture_output=True, check=False)
        assert checked.returncode == 0


def test_a_file_that_is_no_autograder_is_not_written_over(
    assignment: Assignment, tmp_path: Path
) -> None:
    (tmp_path / "precious.txt").write_text("dear")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("thesis.txt", "dear")
    for name in ("precious.txt", "other.zip"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(StoreError, match="expected a zip of `arena course gradescope` or"):
            write_zip(assignment, tmp_path / name, Settings())
        assert (tmp_path / name).read_bytes() == before
    for _ in range(2):
        assert write_zip(assignment, tmp_path / "mine.zip", Settings()) == 0


def test_within_the_cool_down_the_last_score_stands(platform: Path) -> None:
    graded = {"score": 2.5, "tests": [{"name": "t", "score": 2.5}], "extra_data": {"digest": "x"}}
    kept = {"score": 2.5, "extra_data": {"kept_until": "then"}}
    before = [earlier(50, None), earlier(20, graded), earlier(10, kept)]
    path = platform / "submission_metadata.json"
    path.write_text(json.dumps({**METADATA, "previous_submissions": before}))
    autograde(platform)
    found = json.loads((platform / "results" / "results.json").read_text())
    assert (found["score"], found["tests"]) == (2.5, graded["tests"])
    assert "hand in again after 2026-11-01T12:10-07:00" in found["output"]


def test_metadata_of_no_known_form_are_nobodys_score(platform: Path) -> None:
    for text in ("{}", "no", '{"created_at": 5}', "[" * 100_000 + "]" * 100_000):
        (platform / "submission_metadata.json").write_text(text)
        with pytest.raises(DataError, match="expected"):
            autograde(platform)
    assert not (platform / "results" / "results.json").exists()


@needs_sandbox
@pytest.mark.slow
def test_the_platforms_script_grades_what_was_handed_in(platform: Path) -> None:
    arena = platform / "arena"
    arena.write_text(f'#!/bin/sh\nexec {sys.executable} -m arena "$@"\n')
    arena.chmod(0o755)
    told = {**os.environ, "AUTOGRADER": str(platform), "ARENA": str(arena)}
    old = [earlier(40, {"score": 1.0, "extra_data": {"digest": "x"}})]  # the cool-down is over
    text = json.dumps({**METADATA, "previous_submissions": old})
    (platform / "submission_metadata.json").write_text(text)
    script = platform / "source" / "run_autograder"
    subprocess.run([script], env=told, check=True, timeout=600)
    found = json.loads((platform / "results" / "results.json").read_text())
    assert found["score"] > 3
    assert {test["visibility"] for test in found["tests"]} == {"visible", "after_due_date"}
