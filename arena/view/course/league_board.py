"""`arena course league`: the boards of a class that plays itself."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from arena.errors import StoreError
from arena.runs.course.assignment import Assignment
from arena.runs.course.grade import Place, check_playable
from arena.runs.course.league import Board, Line, league
from arena.runs.course.submissions import find_submissions
from arena.view.console import Console
from arena.view.plain_table import PlainTable
from arena.world.files.atomic_write import write_whole

_TIES = {"owner": "fidelity lost", "thief": "queries"}


def show_league(folder: Path, assignment: Assignment, place: Place) -> int:
    """Play the league of the submissions in a folder, print and write its boards.

    Raises:
        ArenaError: it cannot be played.
    """
    check_playable(assignment, trusted=place.trusted)
    progress = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    submissions = find_submissions(folder, assignment)
    boards = league(submissions, assignment, place, lambda said: progress.print(said))
    said = Console(highlight=False, soft_wrap=True)
    for board in boards:
        for side, lines in (("owner", board.owners), ("thief", board.thieves)):
            said.print(_table(board, side, lines))
            _write(place.folder / f"{board.part}-{side}s.csv", side, lines)
        for name, why in board.out.items():
            said.print(f"not played: {name}: {why}", markup=False)
    said.print(f"the boards are in {place.folder}; the public one may be shown", markup=False)
    return 0


def _row(line: Line) -> list[str]:
    found = line.standing
    return [found.name, *(f"{x:.3f}" for x in (found.worst, found.nash, found.mean, line.tie))]


def _table(board: Board, side: str, lines: tuple[Line, ...]) -> PlainTable:
    heads = (f"{board.part}: {side}s", "worst case", "Nash", "mean", _TIES[side])
    return PlainTable(heads, map(_row, lines))


def _write(path: Path, side: str, lines: tuple[Line, ...]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["player", "worst", "nash", "mean", _TIES[side].replace(" ", "_")])
    writer.writerows(map(_row, lines))
    try:
        write_whole(path, text.getvalue().encode())
    except OSError as error:
        raise StoreError(f"expected to write {path}, cannot ({error.strerror})") from error
