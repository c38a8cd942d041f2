"""Assignments: what is read, what the hidden part changes, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from arena.errors import DataError, ScenarioError
from arena.runs.course.assignment import Assignment, read_assignment
from arena.runs.course.submissions import find_submissions, handle


def test_the_hidden_part_has_another_seed_another_game_and_a_secret(
    assignment: Assignment,
) -> None:
    public, hidden = assignment.parts()
    (task,) = assignment.tasks
    first, second = (assignment.scenario(task, part, "mine") for part in (public, hidden))
    assert (first["seed"], second["seed"]) == (3, 77)
    assert (public.share, hidden.share) == (0.5, 0.5)
    assert first["task"] == {"model": "mlp", "recipe": {"epochs": 2}}
    assert second["task"] == {"model": "mlp", "recipe": {"epochs": 3}}
    assert assignment.secret(public) == ""
    assert len(assignment.secret(hidden)) == 64
    assert (assignment.folder / "hidden" / "secret").stat().st_mode & 0o077 == 0


def test_students_have_the_public_part_alone(folder: Path) -> None:
    assert [part.name for part in read_assignment(folder, public=True).parts()] == ["public"]


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ('"kept"', '"keptt"', "did you mean 'kept'"),
        ("owner = [", "thief = [{ name = 'x', moves = ['none'] }]\nowner = [", "expected no thief"),
        ('owner = [{ scheme = "none" }]', "", "expected a owner in its game, found none"),
        ("seed = 3", "seeed = 3", "did you mean 'seed'"),
        ("[[task]]", "[[task", "cannot read it"),
    ],
)
def test_a_fault_is_one_sentence(folder: Path, before: str, after: str, sentence: str) -> None:
    path = folder / "assignment.toml"
    path.write_text(path.read_text().replace(before, after, 1))
    with pytest.raises(ScenarioError, match=sentence):
        read_assignment(folder)


def test_a_hidden_part_that_changes_what_is_not_there_is_refused(folder: Path) -> None:
    (folder / "hidden" / "hidden.toml").write_text('[game.steal]\n"task.modell" = "mlp"\n')
    with pytest.raises(ScenarioError, match=r"\[game.steal\]: .*did you mean 'model'"):
        read_assignment(folder)


def test_submissions_are_files_or_folders_and_no_links(
    assignment: Assignment, tmp_path: Path
) -> None:
    place = tmp_path / "in"
    (place / "bob").mkdir(parents=True)
    with pytest.raises(DataError, match="expected a folder of submissions"):
        find_submissions(place / "nowhere", assignment)
    (place / "bob" / "my_attack.py").write_text("x = 1")
    (place / "alice.py").write_text("y = 1")
    (place / "eve.py").symlink_to(assignment.folder / "hidden" / "hidden.toml")
    (place / "notes.txt").write_text("nothing")
    found = {one.name: one.source("steal") for one in find_submissions(place, assignment)}
    assert found == {"alice": "y = 1", "bob": "x = 1"}
    (place / "alice").mkdir()
    with pytest.raises(DataError, match="two submissions are called 'alice'"):
        find_submissions(place, assignment)


def test_a_handle_tells_nobody_who_it_is() -> None:
    secret = "s" * 16
    assert handle("alice", secret) == handle("alice", secret) != handle("bob", secret)
    assert "alice" not in handle("alice", secret)
