"""The baseline: a readable file, kept in git, of what thieves did to a protection."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

import arena
from arena.errors import BaselineError
from arena.runs.regress.cells import Cell, Thief
from arena.runs.regress.subject import SubjectRecord
from arena.world.files.named_output import check_output, write_output
from arena.world.json_values import Frozen

_WHAT = "a baseline of `arena regress`"


class Baseline(Frozen):
    """What was measured, of what, and when.

    Attributes:
        format: of the file. arena: the version that measured. made_on: the day (UTC).
        subject: whose protection. root: of the seeds. cells: a thief each.
    """

    format: Literal[1] = 1
    arena: str = arena.__version__
    made_on: str
    subject: SubjectRecord
    root: int
    cells: tuple[Cell, ...] = ()

    @classmethod
    def of(cls, subject: SubjectRecord, root: int, cells: tuple[Cell, ...]) -> Baseline:
        """Return a baseline of today."""
        day = datetime.now(UTC).date().isoformat()
        return cls(made_on=day, subject=subject, root=root, cells=cells)

    def cell(self, thief: Thief) -> Cell | None:
        """Return the cell of a thief."""
        return next((cell for cell in self.cells if cell.thief == thief), None)

    def replaced(self, cell: Cell) -> Baseline:
        """Return the baseline with a cell in the place of its thief's, or beside all others."""
        others = tuple(old for old in self.cells if old.thief != cell.thief)
        cells = tuple(sorted((*others, cell), key=lambda one: one.thief.name))
        return self.model_copy(update={"cells": cells})


def read_baseline(path: Path) -> Baseline:
    """Return the baseline in a file.

    Raises:
        BaselineError: there is none, or it is of another form.
    """
    if not path.is_file():
        raise BaselineError(
            f"expected a baseline, found none at {path}; `arena regress record` writes one"
        )
    try:
        return Baseline.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = str(error).partition("\n")[0]
        raise BaselineError(
            f"{path} is no baseline ({reason}); take it from version control, or remove it and "
            "record it again"
        ) from error


def check_replaceable(path: Path) -> None:
    """Refuse to record into a file that is no baseline; raises StoreError."""
    check_output(path, _WHAT, _is_baseline)


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write a baseline, whole.

    Raises:
        StoreError: the file cannot be written, or holds something else.
    """
    text = json.dumps(baseline.plain(), indent=2, ensure_ascii=False)
    write_output(path, text.encode() + b"\n", _WHAT, _is_baseline)


def _is_baseline(path: Path) -> bool:
    try:
        read_baseline(path)
    except BaselineError:
        return False
    return True
