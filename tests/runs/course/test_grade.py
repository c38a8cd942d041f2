"""Grading: one submission alone, the same figures twice; a whole class with those that cheat."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arena.errors import ScenarioError
from arena.runs.course.assignment import Assignment, read_assignment
from arena.runs.course.class_run import grade_class
from arena.runs.course.grade import Place, check_playable, grade
from arena.runs.course.results_json import results_of
from arena.runs.course.submissions import Submission, find_submissions
from arena.view.course.hand_out import SHIPPED, shipped
from tests.game.sandbox.conftest import needs_sandbox
from tests.runs.course.conftest import attack_text


@pytest.mark.end_to_end
@needs_sandbox
def test_a_submission_is_graded_the_same_twice_and_sees_nothing_of_the_hidden_part(
    assignment: Assignment, handed_in: Submission, tmp_path: Path
) -> None:
    first = grade(handed_in, assignment, Place(tmp_path / "one"))
    document = results_of(first)
    assert document == results_of(grade(handed_in, assignment, Place(tmp_path / "two")))
    assert [done.problem for done in first.done] == ["", ""]
    assert first.most == 4
    assert first.points == document["score"]
    assert first.points > 3  # it delivers the victim, and nobody accuses
    tests = {test["name"]: test for test in json.loads(json.dumps(document))["tests"]}
    assert tests["steal, public: it is useful"]["visibility"] == "visible"
    hidden = [test for name, test in tests.items() if ", hidden: " in name]
    assert {test["visibility"] for test in hidden} == {"after_due_date"}
    assert "so many: 3" in str(document["output"])
    assert "hidden" not in str(document["output"])


@needs_sandbox
def test_a_file_that_cannot_be_read_earns_nothing_and_says_why(
    folder: Path, tmp_path: Path
) -> None:
    assignment = read_assignment(folder, public=True)
    path = tmp_path / "my_attack.py"
    path.write_text("def (\n")
    found = grade(Submission("eve", {"steal": path}), assignment, Place(tmp_path))
    assert found.points == 0
    assert "my_attack.py cannot be read" in found.done[0].problem
    nothing = grade(Submission("bob", {}), assignment, Place(tmp_path))
    assert nothing.done[0].problem == "my_attack.py was not handed in"


def test_an_assignment_that_cannot_be_played_is_refused_before_anything_is_graded(
    folder: Path,
) -> None:
    path = folder / "assignment.toml"
    path.write_text(path.read_text().replace('scheme = "none"', 'scheme = "nonne"'))
    with pytest.raises(ScenarioError, match=r"task 'steal', public part: .*did you mean 'none'"):
        check_playable(read_assignment(folder), trusted=True)


CHEATS = {
    "writes": "open(__import__('arena').__file__, 'a')",
    "forks": "__import__('os').fork()",
    "leaves": "raise SystemExit(0)",
    "hangs": "__import__('time').sleep(1e6)",
    "floods": "print('x' * 10**7)",
}
WORTHLESS = ("broken", "forks", "hangs", "leaves", "owner", "two", "writes")


@needs_sandbox
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_forty_files_of_one_class_name_are_graded_each_alone(folder: Path, tmp_path: Path) -> None:
    text = (folder / "assignment.toml").read_text()
    (folder / "assignment.toml").write_text(text.replace("step_s = 600", "step_s = 60"))
    place = tmp_path / "in"
    place.mkdir()
    texts = {name: attack_text(line) for name, line in CHEATS.items()}
    texts |= {"broken": "def (\n", "two": attack_text() + attack_text().replace('"mine"', '"b"')}
    texts["owner"] = "from arena.game import Defense, defense\n"
    texts |= {f"honest{i:02}": attack_text(f"x = {i}") for i in range(40 - len(texts))}
    for name, source in texts.items():
        (place / f"{name}.py").write_text(source)
    assignment = read_assignment(folder)
    submissions = find_submissions(place, assignment)
    graded = grade_class(submissions, assignment, Place(tmp_path / "out"), 2)
    scores = {one.submission: one.results["score"] for one in graded if one.results}
    assert len(scores) == len(texts) == 40
    honest = {score for name, score in scores.items() if name.startswith("honest")}
    assert len(honest) == 1
    assert scores["floods"] == honest.pop() > 3
    assert {name: scores[name] for name in WORTHLESS} == dict.fromkeys(WORTHLESS, 0)
    assert {path.name: path.read_text() for path in place.iterdir()} == {
        f"{name}.py": source for name, source in texts.items()
    }
    again: list[str] = []
    grade_class(submissions, assignment, Place(tmp_path / "out"), 2, lambda *said: again.append(""))
    assert again == []


@pytest.mark.parametrize("name", shipped())
def test_whatever_a_shipped_assignment_grants_it_can_be_graded(name: str) -> None:
    check_playable(read_assignment(SHIPPED / name), trusted=True)


MUTANTS = {
    "remove-adi": (
        ('access.lab.build(access.card, rng.child("model"))', "stolen.copy()"),
        ("epochs: int = 60", "epochs: int = 1"),
    ),
    "steal-on-a-budget": (
        ("n: int = 100", "n: int = 10"),
        ("epochs: int = 120", "epochs: int = 8"),
    ),
    "surviving-mark": (("n_signs: int = 128", "n_signs: int = 4"),),
}
"""What is changed in a solution: no fresh copy, too little asked, too few signs."""


@needs_sandbox
@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", shipped())
def test_a_solution_reaches_what_is_expected_and_a_mutant_or_the_starter_does_not(
    name: str, tmp_path: Path
) -> None:
    assignment = read_assignment(SHIPPED / name)
    (task,) = assignment.tasks
    assert assignment.hidden is not None
    solution = SHIPPED / name / "hidden" / task.file
    mutated = solution.read_text()
    for before, after in MUTANTS[name]:
        assert before in mutated
        mutated = mutated.replace(before, after, 1)
    (tmp_path / task.file).write_text(mutated)
    paths = (solution, tmp_path / task.file, SHIPPED / name / task.file)
    graded = [
        grade(Submission(str(i), {task.name: path}), assignment, Place(tmp_path / "out"))
        for i, path in enumerate(paths)
    ]
    assert [one.problem for found in graded for one in found.done] == [""] * 6
    points = [found.points for found in graded]
    assert points[0] >= assignment.hidden.expected
    assert max(points[1:]) < assignment.hidden.expected - 2
