"""`arena course` and `arena grade`: what they write, print and refuse."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import pytest

from arena.runs.course.assignment import read_assignment
from arena.runs.course.class_run import Graded
from arena.runs.course.similarity import Likeness
from arena.view.course.grade_class import write_pages
from arena.view.course.hand_out import shipped
from tests.view.conftest import Command


@pytest.mark.parametrize("name", shipped())
def test_an_assignment_that_ships_can_be_handed_out(
    arena: Command, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "course"
    done = arena("course", "new", folder, "--from", name)
    assert (done.code, done.err) == (0, "")
    assignment = read_assignment(folder)
    page = (folder / "README.md").read_text()
    for task in assignment.tasks:
        assert (folder / task.file).is_file()
        assert (folder / "hidden" / task.file).is_file()
        assert all(rule.says in page for rule in task.rule)
    cells = json.loads((folder / "notebook.ipynb").read_text())["cells"]
    for cell in cells:
        if cell["cell_type"] == "code":
            compile("".join(cell["source"]), "notebook", "exec")
    again = arena("course", "new", folder)
    assert (again.code, again.err.count("\n")) == (2, 1)
    assert "expected a new folder" in again.err


def test_an_assignment_needs_a_folder(arena: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = arena("course", "new", tmp_path / "file")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert f"expected a new folder, found the file {tmp_path / 'file'}; choose ano" in done.err
    done = arena("course", "new", tmp_path / "file" / "below")
    assert (done.code, "(Not a directory)" in done.err) == (2, True)


def test_an_assignment_that_does_not_ship_is_refused(arena: Command, tmp_path: Path) -> None:
    done = arena("course", "new", tmp_path / "x", "--from", "remove-adl")
    assert (done.code, "did you mean 'remove-adi'?" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("name", "inside", "sentence"),
    [
        ("copyright_arena-0.1.0-py3-none-any.whl", None, "cannot read it"),
        ("copyright_arena-0.1.0-py3-none-any.whl", "", "which is none"),
        ("copyright_arena-0.1.0-py3-none-any.whl", "numpy-2.0.dist-info/METADATA", "which is none"),
        ("arena.zip", "copyright_arena-0.1.0.dist-info/METADATA", "which is none"),
    ],
)
def test_what_is_no_wheel_of_the_arena_is_not_packed(
    arena: Command, tmp_path: Path, name: str, inside: str | None, sentence: str
) -> None:
    wheel = tmp_path / name
    if inside is not None:
        wheel.write_text("no zip")
    if inside:
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(inside, "")
    made = ("--out", tmp_path / "made.zip", "--wheel", wheel)
    done = arena("course", "gradescope", shipped()["remove-adi"], *made)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "arena: expected a wheel " in done.err
    assert sentence in done.err
    assert not (tmp_path / "made.zip").exists()


def test_the_pages_of_a_class_hold_grades_for_the_teacher_and_handles_for_the_class(
    tmp_path: Path,
) -> None:
    results = {
        "score": 3.5,
        "output": "steal, public part: played to its end",
        "tests": [{"name": "useful", "score": 3.5, "max_score": 4}],
        "leaderboard": [{"name": "steal pay-off", "value": 0.75}],
    }
    graded = [Graded("=alice", results), Graded("bob", None, "not graded: it died")]
    assignment = read_assignment(shipped()["remove-adi"])
    write_pages(graded, [Likeness("=alice", "bob", 0.9)], assignment, tmp_path)
    with (tmp_path / "grades.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["submission", "score", "max_score", "useful"]
    assert rows[1:] == [["'=alice", "3.5", "10", "3.5"], ["bob", "", "10", ""]]
    assert "'=alice,bob,0.900" in (tmp_path / "similarity.csv").read_text()
    page = (tmp_path / "class.html").read_text()
    assert "0.75" in page
    assert "alice" not in page
    assert "bob" not in page
