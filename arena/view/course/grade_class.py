"""`arena grade`: a class is graded, and its pages are written."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from arena.errors import StoreError
from arena.runs.course.assignment import Assignment
from arena.runs.course.class_run import Graded, grade_class
from arena.runs.course.grade import Place, check_playable
from arena.runs.course.similarity import Likeness, alike
from arena.runs.course.submissions import Submission, find_submissions, handle
from arena.runs.executors.jobs import check_jobs
from arena.runs.secret import read_secret
from arena.view.console import Console
from arena.view.plain_table import PlainTable
from arena.world.files.atomic_write import write_whole

NOT_GRADED = 1  # exit code


def grade_all(folder: Path, assignment: Assignment, place: Place, n_jobs: int) -> int:
    """Grade the submissions in a folder and write all pages; return the exit code.

    Raises:
        ArenaError: the assignment cannot be played, nothing was handed in, or this machine has no
            room for so many jobs.
    """
    check_jobs(n_jobs)
    check_playable(assignment, trusted=place.trusted)
    submissions = find_submissions(folder, assignment)
    progress = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)

    def heard(name: str, what: str) -> None:
        progress.print(f"{name}: {what}")

    graded = grade_class(submissions, assignment, place, n_jobs, heard)
    pairs = likenesses(submissions, assignment)
    write_pages(graded, pairs, assignment, place.folder)
    show(graded, pairs, assignment, place.folder)
    return NOT_GRADED if any(one.results is None for one in graded) else 0


def likenesses(submissions: Sequence[Submission], assignment: Assignment) -> list[Likeness]:
    """Return the pairs of submissions that are alike in one of the tasks."""
    found: dict[tuple[str, str], Likeness] = {}
    for task in assignment.tasks:
        starter = assignment.folder / task.file
        given = starter.read_text(encoding="utf-8") if starter.is_file() else ""
        sources = {one.name: one.source(task.name) for one in submissions}
        for pair in alike(sources, given):
            known = found.get((pair.first, pair.second))
            if known is None or known.share < pair.share:
                found[pair.first, pair.second] = pair
    return sorted(found.values(), key=lambda pair: (-pair.share, pair.first, pair.second))


def write_pages(
    graded: Sequence[Graded], pairs: Sequence[Likeness], assignment: Assignment, out: Path
) -> None:
    """Write grades.csv, similarity.csv and class.html.

    Raises:
        StoreError: the folder cannot be written.
    """
    tests = list(dict.fromkeys(name for one in graded for name in _points(one)))
    rows = [
        [
            one.submission,
            _score(one),
            f"{assignment.most:g}",
            *(_points(one).get(t, "") for t in tests),
        ]
        for one in graded
    ]
    notes = [[pair.first, pair.second, f"{pair.share:.3f}"] for pair in pairs]
    try:
        grades = _csv(["submission", "score", "max_score", *tests], rows)
        write_whole(out / "grades.csv", grades.encode())
        alike_csv = _csv(["first", "second", "share_of_runs_in_common"], notes)
        write_whole(out / "similarity.csv", alike_csv.encode())
        page = class_page(graded, assignment, read_secret(out / "handles.secret"))
        write_whole(out / "class.html", page.encode())
    except OSError as error:
        raise StoreError(f"expected to write into {out}, cannot ({error.strerror})") from error


def _csv(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_plain(cell) for cell in row] for row in rows)
    return text.getvalue()


def _plain(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "@") else cell


def _score(one: Graded) -> str:
    return "" if one.results is None else f"{one.results['score']:g}"


def _points(one: Graded) -> dict[str, str]:
    tests = [] if one.results is None else one.results["tests"]
    return {test["name"]: f"{test['score']:g}" for test in tests if "score" in test}


def class_page(graded: Sequence[Graded], assignment: Assignment, secret: str) -> str:
    """Return a page that may be shown to the class: handles and the leaderboard of the public part.

    The handles are those of `arena.runs.course.submissions.handle`.
    """
    lines = []
    for one in graded:
        entries = [] if one.results is None else one.results["leaderboard"]
        lines.append((handle(one.submission, secret), {e["name"]: e["value"] for e in entries}))
    columns = list(dict.fromkeys(name for _, found in lines for name in found))
    first = columns[0] if columns else ""
    lines.sort(key=lambda line: (-line[1].get(first, 0.0), line[0]))
    head = "".join(f"<th>{html.escape(name)}</th>" for name in ["", *columns])
    body = "\n".join(
        f"<tr><td>{name}</td>{''.join(f'<td>{_cell(found.get(c))}</td>' for c in columns)}</tr>"
        for name, found in lines
    )
    title = html.escape(assignment.public.title)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>body{{font-family:sans-serif}}td,th{{padding:.2em 1em}}</style></head>\n"
        f"<body><h1>{title}</h1>\n<p>The public part, best pay-off first.</p>\n"
        f"<table><tr>{head}</tr>\n{body}\n</table></body></html>\n"
    )


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def show(
    graded: Sequence[Graded], pairs: Sequence[Likeness], assignment: Assignment, out: Path
) -> None:
    """Print the grades, what was not graded, and which submissions are alike."""
    said = Console(highlight=False, soft_wrap=True)
    heads = ("submission", "score", f"of {assignment.most:g}, why not all")
    rows = [(one.submission, _score(one) or "-", _why(one)) for one in graded]
    said.print(PlainTable(heads, rows, words=heads[2:]))
    for pair in pairs:
        said.print(f"alike: {pair.first} and {pair.second} ({pair.share:.0%})", markup=False)
    said.print(f"grades.csv, class.html and a results.json each are in {out}", markup=False)


def _why(one: Graded) -> str:
    if one.results is None:
        return one.problem
    said = str(one.results["output"]).partition("\n")[0].partition(": ")[2]
    return "" if said == "played to its end" else said[:100]
