"""What was handed in: one file, or one folder of files, for each student."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

from arena.errors import DataError
from arena.runs.course.assignment import Assignment

_MOST_BYTES = 1 << 20  # of a file that is read


@dataclass(frozen=True)
class Submission:
    """One student's files by the name of the task; a task without one was not handed in."""

    name: str
    files: dict[str, Path]

    def digest(self) -> str:
        """Return the SHA-256 of what was handed in."""
        found = hashlib.sha256()
        for task, path in sorted(self.files.items()):
            found.update(f"{task}\0".encode())
            found.update(hashlib.sha256(_bytes(path)).digest())
        return found.hexdigest()

    def source(self, task: str) -> str:
        """Return the text of a file, "" where it is none."""
        path = self.files.get(task)
        return "" if path is None else _bytes(path).decode(errors="replace")


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError:
        return b""


def find_submissions(folder: Path, assignment: Assignment) -> list[Submission]:
    """Return the submissions in a folder: `NAME.py` of a single task, or `NAME/<file of a task>`.

    Links are not followed: what they lead to was not handed in.

    Raises:
        DataError: there is no such folder, or nothing in it is a submission.
    """
    if not folder.is_dir():
        raise DataError(f"expected a folder of submissions, found none at {folder}")
    found = [_submission(path, assignment) for path in sorted(folder.iterdir())]
    submissions = [submission for submission in found if submission is not None]
    if not submissions:
        files = ", ".join(task.file for task in assignment.tasks)
        raise DataError(
            f"expected NAME.py or NAME/ with {files} in {folder}, found no submission; check the "
            "names of the files"
        )
    names = [submission.name for submission in submissions]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"two submissions are called {twice[0]!r}; rename one")
    return submissions


def _submission(path: Path, assignment: Assignment) -> Submission | None:
    if path.is_symlink() or path.name.startswith("."):
        return None
    if path.is_file() and path.suffix == ".py" and len(assignment.tasks) == 1:
        return Submission(path.stem, {assignment.tasks[0].name: path})
    return in_folder(path, assignment) if path.is_dir() else None


def in_folder(folder: Path, assignment: Assignment) -> Submission:
    """Return the submission in a folder; it may hold none of the files."""
    handed_in = {
        task.name: folder / task.file
        for task in assignment.tasks
        if (folder / task.file).is_file() and not (folder / task.file).is_symlink()
    }
    return Submission(folder.name, handed_in)


def handle(name: str, secret: str) -> str:
    """Return the name under which a student is shown to the class; the secret's holder knows whose.

    >>> handle("alice", "a" * 16) == handle("alice", "b" * 16)
    False
    """
    return "player-" + hmac.new(secret.encode(), name.encode(), hashlib.sha256).hexdigest()[:8]
