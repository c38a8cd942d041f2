"""Grading on a platform that starts a container for each submission, as Gradescope does.

The platform's folder holds `source/` (the unpacked zip), `submission/`, `submission_metadata.json`
and `results/`. Somebody who hands in again too soon keeps the last score until the cool-down ends.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import Field, ValidationError

from arena.errors import DataError
from arena.runs.course.assignment import read_assignment
from arena.runs.course.grade import Place, check_playable, grade
from arena.runs.course.results_json import NAME, results_of, write_results
from arena.runs.course.submissions import in_folder
from arena.world.json_values import Frozen, Json, Raw, from_json

SETTINGS = "autograde.json"
METADATA = "submission_metadata.json"


class Settings(Frozen):
    """How the zip was made.

    Attributes:
        cool_down_min: minutes between two submissions of one student that are graded.
        trusted: submissions run without a sandbox, because the container is thrown away.
    """

    cool_down_min: float = Field(0.0, ge=0)
    trusted: bool = False


def autograde(root: Path) -> None:
    """Grade the submission in a platform's folder and write `results/results.json`.

    Raises:
        ArenaError: it cannot be graded, which is no student's fault; nothing is written.
    """
    source = root / "source"
    try:
        settings = Settings.model_validate_json((source / SETTINGS).read_bytes())
        metadata = from_json((root / METADATA).read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError) as error:
        raise DataError(
            f"expected an autograder's folder at {root}, found none ({error})"
        ) from error
    kept = _kept(metadata, timedelta(minutes=settings.cool_down_min))
    if kept is None:
        assignment = read_assignment(source / "assignment")
        check_playable(assignment, trusted=settings.trusted)
        submission = in_folder(root / "submission", assignment)
        with tempfile.TemporaryDirectory() as place:
            where = Place(Path(place), trusted=settings.trusted)
            kept = results_of(grade(submission, assignment, where))
    write_results(kept, root / "results" / NAME)


def _kept(metadata: Mapping[str, Raw], cool_down: timedelta) -> dict[str, Json] | None:
    """Return the results that stand while the cool-down lasts; None where it is over.

    Raises:
        DataError: the metadata are of no form that is known.
    """
    try:
        now = datetime.fromisoformat(metadata["created_at"])
        earlier = [
            (datetime.fromisoformat(one["submission_time"]), one["results"])
            for one in metadata.get("previous_submissions", [])
            if _is_graded(one.get("results"))
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"expected {METADATA} of a known form, found another ({error})") from error
    if not earlier:
        return None
    at, results = max(earlier, key=lambda pair: pair[0])
    if now - at >= cool_down:
        return None
    again = (at + cool_down).isoformat(timespec="minutes")
    said = f"not graded: the last one was less than {cool_down} ago; hand in again after {again}"
    return {
        "score": results.get("score", 0),
        "output": f"{said}. The score is that of the last one.",
        "visibility": "visible",
        "tests": results.get("tests", []),
        "leaderboard": results.get("leaderboard", []),
        "extra_data": {"kept_until": again},
    }


def _is_graded(results: Raw) -> bool:
    """Return whether results are those of a submission that was graded, not of a cool-down."""
    return isinstance(results, dict) and "digest" in (results.get("extra_data") or {})
