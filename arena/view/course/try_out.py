"""`arena course try`: the grader on the public part, for students to run themselves."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from arena.errors import DataError, did_you_mean
from arena.game.sandbox.jail.bubblewrap import missing
from arena.runs.course.assignment import Assignment, read_assignment
from arena.runs.course.grade import Grade, Place, check_playable, grade
from arena.runs.course.submissions import Submission
from arena.view.console import Console

_NO_SANDBOX = "this is your own file, so it runs without a sandbox; graders have one"


def tried(files: Sequence[Path], folder: Path) -> Grade:
    """Return the grade of a student's files for the public part.

    Where nothing can be sandboxed the files run in plain processes: they are the student's own.

    Raises:
        DataError: a file is none of the assignment's. ScenarioError: the assignment is not right.
    """
    assignment = read_assignment(folder, public=True)
    submission = Submission("you", _by_task(files, assignment))
    with tempfile.TemporaryDirectory() as place:
        where = Place(Path(place), trusted=bool(missing()))
        check_playable(assignment, trusted=where.trusted)
        found = grade(submission, assignment, where)
    done = tuple(one for one in found.done if one.task.name in submission.files)
    return Grade(found.submission, found.digest, done)


def _by_task(files: Sequence[Path], assignment: Assignment) -> dict[str, Path]:
    names = {task.file: task.name for task in assignment.tasks}
    for path in files:
        if not path.is_file():
            raise DataError(f"expected a Python file at {path}, found none")
        if path.name not in names and len(names) > 1:
            hint = did_you_mean(path.name, names)
            raise DataError(f"expected a file of this assignment, found {path.name}{hint}")
    first = assignment.tasks[0].name
    return {names.get(path.name, first): path for path in files}


def try_out(files: Sequence[Path], folder: Path) -> int:
    """Grade a student's files for the public part and print why; return the exit code.

    Raises:
        ArenaError: like `tried`.
    """
    said = Console(highlight=False, soft_wrap=True, markup=False)
    if missing():
        said.print(f"{missing()}; {_NO_SANDBOX}")
    with Console(stderr=True).status("playing the public part"):
        found = tried(files, folder)
    for done in found.done:
        said.print(f"{done.task.name}, {done.part.name} part: {done.problem or 'played'}")
        for one in done.earned:
            said.print(f"  {one.points:5.2f} of {max(0.0, one.most):5.2f}  {one.rule.says}")
            said.print(f"                  {one.why}")
        if done.printed:
            said.print(f"printed:\n{done.printed}")
    said.print(f"{found.points:g} of {found.most:g} points of the public part")
    return 0
