"""`arena course gradescope`: the zip that a platform unpacks and runs."""

from __future__ import annotations

import zipfile
from pathlib import Path

from arena.errors import StoreError
from arena.runs.course.assignment import FILE, HIDDEN, Assignment
from arena.runs.course.autograde import SETTINGS, Settings
from arena.runs.course.grade import check_playable
from arena.view.console import Console

SETUP = """#!/usr/bin/env bash
# Run once, when the platform builds the container.
set -euo pipefail
cd "$(dirname "$0")"
apt-get update
apt-get install -y --no-install-recommends python3 python3-venv bubblewrap
python3 -m venv /opt/arena
wheels=(*.whl)
[ -e "${wheels[0]}" ] || wheels=(copyright-arena)
/opt/arena/bin/pip install "${wheels[@]}"
"""
RUN = """#!/usr/bin/env bash
# Run for each submission; it writes results/results.json.
set -euo pipefail
exec "${ARENA:-/opt/arena/bin/arena}" course autograde "${AUTOGRADER:-/autograder}"
"""
_EXECUTABLE = 0o755 << 16


def write_zip(
    assignment: Assignment, out: Path, settings: Settings, wheel: Path | None = None
) -> int:
    """Write the zip of an assignment, hidden part and secret included; return the exit code.

    Args:
        assignment: what is graded. Its solutions are left out.
        out: the zip file.
        settings: cool-down, and whether the container is the sandbox.
        wheel: of the arena, where the platform is not to install the published one.

    Raises:
        ArenaError: the assignment cannot be played. StoreError: the zip cannot be written.
    """
    check_playable(assignment, trusted=True)
    for part in assignment.parts():
        assignment.secret(part)  # made now, so that every container has the same
    try:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in (("setup.sh", SETUP), ("run_autograder", RUN)):
                entry = zipfile.ZipInfo(name)
                entry.external_attr = _EXECUTABLE
                archive.writestr(entry, text)
            archive.writestr(SETTINGS, settings.model_dump_json())
            for path in _files(assignment):
                archive.write(path, Path("assignment") / path.relative_to(assignment.folder))
            if wheel is not None:
                archive.write(wheel, wheel.name)
    except OSError as error:
        raise StoreError(f"expected to write {out}, cannot ({error})") from error
    said = Console(highlight=False, soft_wrap=True, markup=False)
    said.print(f"{out}: upload it as the autograder of {assignment.public.title!r}")
    if settings.trusted:
        said.print("no sandbox: a submission can read the hidden part and write its own score")
    return 0


def _files(assignment: Assignment) -> list[Path]:
    """Return what grading needs of an assignment's folder: no solutions."""
    folder = assignment.folder
    named = [folder / FILE, folder / HIDDEN / "hidden.toml", folder / HIDDEN / "secret"]
    named += [folder / task.file for task in assignment.tasks]
    return [path for path in named if path.is_file()]
