"""`results.json` as Gradescope reads it: score, tests with their visibility, leaderboard, output.

What the hidden part shows (points, figures, what was printed there) is visible after the due date.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from arena.errors import StoreError
from arena.runs.course.grade import Done, Grade
from arena.world.files.atomic_write import write_whole
from arena.world.json_values import Json, Raw, from_json

NAME = "results.json"
_VISIBILITY = {"public": "visible", "hidden": "after_due_date"}
_SHARE_DIGITS = 4


def results_of(grade: Grade) -> dict[str, Json]:
    """Return the document; equal grades give equal documents, for there is no time in it."""
    public = [done for done in grade.done if done.part.name == "public"]
    return {
        "score": grade.points,
        "output": "\n\n".join(map(_output, public)),
        "visibility": "visible",
        "tests": [test for done in grade.done for test in _tests(done)],
        "leaderboard": [entry for done in public for entry in _leaderboard(done)],
        "extra_data": {
            "digest": grade.digest,
            "most": grade.most,
            "submission": grade.submission,
            "figures": {f"{done.task.name}/{done.part.name}": _known(done) for done in grade.done},
        },
    }


def _known(done: Done) -> list[dict[str, Json]]:
    """Return the figures of each match, without what a clock can change."""
    timed = {name for name in (done.figures[0] if done.figures else {}) if name.endswith("_s")}
    return [
        {name: value for name, value in sorted(found.items()) if name not in timed}
        for found in done.figures
    ]


def _tests(done: Done) -> list[dict[str, Json]]:
    visibility = _VISIBILITY[done.part.name]
    tests: list[dict[str, Json]] = [
        {
            "name": f"{done.task.name}, {done.part.name}: {one.rule.says}",
            "score": one.points,
            "max_score": round(max(0.0, one.most), _SHARE_DIGITS),
            "output": one.why,
            "visibility": visibility,
        }
        for one in done.earned
    ]
    if done.part.name != "public" and _output(done):
        name = f"{done.task.name}, {done.part.name}: what was said and printed"
        tests.append({"name": name, "output": _output(done), "visibility": visibility})
    return tests


def _output(done: Done) -> str:
    played = f"{done.task.name}, {done.part.name} part: {done.problem or 'played to its end'}"
    return f"{played}\nprinted:\n{done.printed}" if done.printed else played


def _leaderboard(done: Done) -> list[dict[str, Json]]:
    """Return what a class is ranked by: the mean pay-off of the side that was handed in."""
    name = "payoff" if done.task.side == "thief" else "owner_payoff"
    found = [figures[name] or 0.0 for figures in done.figures] or [0.0]
    mean = round(sum(found) / len(found), _SHARE_DIGITS)
    entries: list[dict[str, Json]] = [{"name": f"{done.task.name} pay-off", "value": mean}]
    if done.task.side == "thief":
        asked = sum(figures["images_queried"] or 0.0 for figures in done.figures)
        entries.append({"name": f"{done.task.name} queries", "value": asked, "order": "asc"})
    return entries


def write_results(document: Mapping[str, Json], path: Path) -> None:
    """Write a results.json whole.

    Raises:
        StoreError: it cannot be written.
    """
    try:
        write_whole(path, json.dumps(document, indent=1, sort_keys=True).encode() + b"\n")
    except OSError as error:
        raise StoreError(f"expected to write {path}, cannot ({error.strerror})") from error


def read_results(path: Path) -> dict[str, Raw] | None:
    """Return a results.json that was written before; None where there is none that is whole."""
    try:
        found = from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "extra_data" in found else None
