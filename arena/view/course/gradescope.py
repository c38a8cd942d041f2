"""`arena course gradescope`: the zip that a platform unpacks and runs."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from arena.errors import StoreError
from arena.runs.course.assignment import FILE, HIDDEN, Assignment
from arena.runs.course.autograde import SETTINGS, Settings
from arena.runs.course.grade import check_playable
from arena.view.console import Console
from arena.world.files.named_output import check_output, write_output
from arena.world.models.formats import BAD_ZIP

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
_WHEEL = re.compile(r"copyright_arena-.+\.whl")
_METADATA = re.compile(r"copyright_arena-[^/]+\.dist-info/METADATA")
_EXECUTABLE = 0o755 << 16
_WHAT = "a zip of `arena course gradescope`"


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
        ArenaError: the assignment cannot be played. StoreError: the zip cannot be written,
            another file stands in its place, or the wheel is none of the arena.
    """
    check_output(out, _WHAT, _is_zip)
    if wheel is not None:
        _check_wheel(wheel)
    check_playable(assignment, trusted=True)
    for part in assignment.parts():
        assignment.secret(part)  # made now, so that every container has the same
    write_output(out, _packed(assignment, settings, wheel), _WHAT, _is_zip)
    said = Console(highlight=False, soft_wrap=True, markup=False)
    said.print(f"{out}: upload it as the autograder of {assignment.public.title!r}")
    if settings.trusted:
        said.print("no sandbox: a submission can read the hidden part and write its own score")
    return 0


def _packed(assignment: Assignment, settings: Settings, wheel: Path | None) -> bytes:
    """Return the zip; raises StoreError where a file of it cannot be read."""
    packed = io.BytesIO()
    try:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
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
        raise StoreError(f"expected files to pack, cannot read them ({error})") from error
    return packed.getvalue()


def _is_zip(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return SETTINGS in archive.namelist()
    except BAD_ZIP:
        return False


def _check_wheel(path: Path) -> None:
    """Refuse what pip would not install as the arena on the platform, where nobody sees it.

    Raises:
        StoreError: it cannot be read, or is no wheel of this project.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            inside = archive.namelist()
    except OSError as error:
        raise StoreError(f"expected a wheel in {path}, cannot read it ({error})") from error
    except BAD_ZIP:
        inside = []
    if not _WHEEL.fullmatch(path.name) or not any(map(_METADATA.fullmatch, inside)):
        raise StoreError(
            f"expected a wheel of the arena, copyright_arena-*.whl, found {path}, which is none; "
            "build one with pip wheel --no-deps ."
        )


def _files(assignment: Assignment) -> list[Path]:
    """Return what grading needs of an assignment's folder: no solutions."""
    folder = assignment.folder
    named = [folder / FILE, folder / HIDDEN / "hidden.toml", folder / HIDDEN / "secret"]
    named += [folder / task.file for task in assignment.tasks]
    return [path for path in named if path.is_file()]
