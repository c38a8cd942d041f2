"""Verdicts between processes: as plain data, and checked before they are believed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from arena.errors import PlayerError
from arena.game.court.verdict import Rule, Verdict
from arena.game.sandbox.messages import spoken
from arena.world.bundle import Bundle
from arena.world.json_values import Frozen, Raw, canonical

_MOST_FIGURES = 1 << 16  # characters of JSON

Number = Annotated[float, Field(allow_inf_nan=False)]


class _Said(Frozen):
    """A verdict as it crosses."""

    is_copy: bool
    p_value: float = Field(ge=0, le=1)
    statistic: Number
    threshold: Number
    name: str
    copies: Literal["low", "high"]
    reason: str
    rule: tuple[str, bool] | None = None
    figures: dict[str, Raw] = Field(default_factory=dict)
    reference: str = ""
    findings: tuple[str, ...] = ()
    withheld: Literal["", "no reference", "unreadable"] = ""


def verdict_bundle(verdict: Verdict) -> Bundle:
    """Return a verdict as plain data; NumPy's numbers become plain ones.

    Raises:
        PlayerError: it is no verdict, or holds what is not plain data.
    """
    if not isinstance(verdict, Verdict):
        raise PlayerError(f"expected a Verdict, found {type(verdict).__name__}")
    fields = {field.name: getattr(verdict, field.name) for field in dataclasses.fields(Verdict)}
    rule = verdict.rule
    fields["rule"] = None if rule is None else [rule.name, rule.is_copy]
    return Bundle({name: _plain(value) for name, value in fields.items()})


def _plain(value: Any) -> Raw:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(name): _plain(inside) for name, inside in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inside) for inside in value]
    return value


def verdict_of(bundle: Bundle, level: float) -> Verdict:
    """Return the verdict that a stranger's process came to.

    Args:
        bundle: what it sent.
        level: the p-value below which a suspect is called a copy.

    Raises:
        PlayerError: the data are not those of a verdict, or contradict themselves.
    """
    try:
        said = _Said.model_validate(dict(bundle.data))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in fault["loc"])
        raise PlayerError(f"gave no verdict: {where}: {spoken(fault['msg'])}") from error
    if said.is_copy and said.p_value > level:
        raise PlayerError(f"calls a suspect a copy at p = {said.p_value:g}, above {level:g}")
    if len(canonical(said.figures)) > _MOST_FIGURES:
        raise PlayerError(f"gave figures of more than {_MOST_FIGURES} characters")
    fields = {name: getattr(said, name) for name in _Said.model_fields}
    fields |= {word: spoken(getattr(said, word)) for word in ("name", "reason", "reference")}
    fields["findings"] = tuple(spoken(finding) for finding in said.findings)
    fields["rule"] = None if said.rule is None else Rule(spoken(said.rule[0]), said.rule[1])
    return Verdict(**fields)
