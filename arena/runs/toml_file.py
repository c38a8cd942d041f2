"""A TOML file of one form, read with a sentence for each thing that is wrong in it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from arena.errors import ScenarioError
from arena.runs.scenario_errors import sentences

T = TypeVar("T", bound=BaseModel)


def read_toml_file(path: Path, form: type[T], what: str) -> T:
    """Return what a file says, checked.

    Args:
        path: the file.
        form: what it must hold.
        what: what it is, for the sentence where it cannot be read: "the rules of a course".

    Raises:
        ScenarioError: with one sentence for each problem.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise ScenarioError([f"expected {what} in {path}, cannot read it ({error})"]) from error
    try:
        return form.model_validate(raw)
    except ValidationError as error:
        said = sentences(error, text, form)
        raise ScenarioError([f"{path.name}: {line}" for line in said]) from error
