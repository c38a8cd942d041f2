"""A TOML file of one form, read with a sentence for each thing that is wrong in it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from arena.errors import ScenarioError
from arena.runs.scenario_errors import refuse_strange, said_of, sentences
from arena.world.json_values import Frozen, from_toml

T = TypeVar("T", bound=Frozen)


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
        raw = from_toml(text)
    except (OSError, ValueError) as error:
        raise ScenarioError([f"expected {what} in {path}, cannot read it ({error})"]) from error
    with said_of(path):
        refuse_strange(raw, text, dates=True)
        try:
            return form.as_written(raw)
        except ValidationError as error:
            raise ScenarioError(sentences(error, text, form)) from error
