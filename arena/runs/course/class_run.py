"""A whole class is graded: a process for each submission, a few at a time, resumed where it was."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from arena.game.sandbox.players_file import close_readers
from arena.runs.course.assignment import Assignment, read_assignment
from arena.runs.course.grade import Place, grade, identity
from arena.runs.course.results_json import NAME, read_results, results_of, write_results
from arena.runs.course.submissions import Submission
from arena.world.json_values import Raw

_SPARE_S = 600.0  # what a submission's process may take beyond the steps' own limits
Heard = Callable[[str, str], None]
"""(submission, what became of it)."""


@dataclass(frozen=True)
class Graded:
    """What became of a submission: its results.json, or why there is none."""

    submission: str
    results: dict[str, Raw] | None
    problem: str = ""


@dataclass(frozen=True)
class _Running:
    process: BaseProcess
    pipe: Connection
    submission: Submission
    ends: float  # by the monotonic clock


def grade_class(
    submissions: Sequence[Submission],
    assignment: Assignment,
    place: Place,
    n_jobs: int,
    heard: Heard = lambda *_: None,
) -> list[Graded]:
    """Grade every submission that is not graded yet; return all of them in their order.

    A process that dies or never ends costs its own submission alone, which the next call grades
    again.
    """
    problems: dict[str, str] = {}
    for submission, problem in _processes(submissions, assignment, place, n_jobs):
        known = _known(submission, assignment, place)
        if known is None:
            problems[submission.name] = problem
        heard(submission.name, f"{known['score']:g} points" if known else problem)
    return [
        Graded(one.name, _known(one, assignment, place), problems.get(one.name, ""))
        for one in submissions
    ]


def _known(submission: Submission, assignment: Assignment, place: Place) -> dict[str, Raw] | None:
    """Return the results of this very submission, graded by this very assignment."""
    found = read_results(place.of(submission.name) / NAME)
    if found is None or found["extra_data"].get("digest") != identity(submission, assignment):
        return None
    return found


def _processes(
    submissions: Sequence[Submission], assignment: Assignment, place: Place, n_jobs: int
) -> Iterator[tuple[Submission, str]]:
    """Yield each submission as its process ends, with what is wrong if it left no results."""
    waiting = [one for one in submissions if _known(one, assignment, place) is None]
    limit_s = _limit_s(assignment)
    running: list[_Running] = []
    try:
        while waiting or running:
            while waiting and len(running) < n_jobs:
                running.append(_begun(waiting.pop(0), assignment.folder, place, limit_s))
            wait([one.process.sentinel for one in running], timeout=1.0)
            for one in list(running):
                problem = _ended(one, limit_s)
                if problem is not None:
                    running.remove(one)
                    yield one.submission, problem
    finally:
        for one in running:
            one.process.terminate()
            one.process.join()


def _limit_s(assignment: Assignment) -> float:
    """Return how long grading a submission may take: longer than all that it may take itself."""
    step_s = assignment.public.limits.step_s or 0.0
    n_games = sum(
        max(1, len(assignment.game(task, part).thief)) * task.repeats
        for task in assignment.tasks
        for part in assignment.parts()
    )
    return _SPARE_S + 10 * step_s * n_games


def _begun(submission: Submission, folder: Path, place: Place, limit_s: float) -> _Running:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=grade_here, args=(submission, folder, place, theirs))
    process.start()
    theirs.close()
    return _Running(process, ours, submission, time.monotonic() + limit_s)


def _ended(running: _Running, limit_s: float) -> str | None:
    """Return None of a process that runs, else what is wrong with its end, "" for nothing."""
    if running.process.is_alive() and time.monotonic() < running.ends:
        return None
    overdue = running.process.is_alive()
    if overdue:
        running.process.kill()
    running.process.join()
    if overdue:
        return f"not graded: it took longer than {limit_s:g} s"
    try:
        return f"not graded: {running.pipe.recv_bytes().decode()}"
    except EOFError:
        code = running.process.exitcode
        return f"not graded: its process ended with code {code}" if code else ""


def grade_here(submission: Submission, folder: Path, place: Place, pipe: Connection) -> None:
    """Grade a submission in this process and write its results.json; say through a pipe why not."""
    try:
        document = results_of(grade(submission, read_assignment(folder), place))
        write_results(document, place.of(submission.name) / NAME)
    except Exception as error:  # whatever it is, it is this submission's alone, and is said
        pipe.send_bytes(f"{type(error).__name__}: {error}".encode())
    finally:
        close_readers()
