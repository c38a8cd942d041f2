"""What a player says of itself: its docstring by heading, its settings with their meaning."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

from arena.game.sides.player import Player
from arena.world.json_values import Json

HEADINGS = (
    "What",
    "Threat model",
    "Parameters",
    "Cost",
    "Differences to the paper",
    "Reference",
    "Versions",
)
"""What the docstring of a player says, in this order, itself or in a base class."""

_HEADING = re.compile(r"^([A-Z][a-z]+(?: [a-z]+){0,4}):\s+", re.MULTILINE)
_OF_SETTINGS = ("Parameters", "Fields")
_FOR_AUTHORS = ("Fields", "Class attributes")  # what base classes say to whoever derives from them
_USUAL = {
    "epochs": "passes over the data",
    "lr": "learning rate",
    "batch": "examples in one step",
}


@dataclass(frozen=True)
class Setting:
    """A hyper-parameter in words: its type, its default and what it means, "" where untold."""

    name: str
    type: str
    default: str
    meaning: str


@dataclass(frozen=True)
class Description:
    """A player in words: its first line, its sections by heading, its settings."""

    summary: str
    sections: Mapping[str, str]
    settings: tuple[Setting, ...]


def describe(player: type[Player]) -> Description:
    """Return what a player says of itself; what it does not say is taken from its base classes."""
    hints, usual = get_type_hints(player), player().settings()
    names = [field.name for field in dataclasses.fields(player)]
    told = [_parameters(sections) for sections in _sections_up(player)]
    settings = tuple(
        Setting(
            field.name,
            type_in_words(hints[field.name]),
            _written(usual[field.name]),
            next(filter(None, (meaning_of(field.name, text, names) for text in told)), "")
            or _USUAL.get(field.name, ""),
        )
        for field in dataclasses.fields(player)
        if field.name in usual  # a stranger's stand-in has fields that are no settings
    )
    return Description(player.summary(), sections_of(player), settings)


def sections_of(player: type[Player]) -> dict[str, str]:
    """Return the sections of a player's docstring, each in one line; `HEADINGS` come first."""
    found: dict[str, str] = {}
    for sections in _sections_up(player):
        found = {**sections, **found}
    rest = [head for head in found if head not in (*HEADINGS, *_FOR_AUTHORS)]
    at = HEADINGS.index("Parameters") + 1  # "Parameters of this variant" stand behind the others
    order = (*HEADINGS[:at], *rest, *HEADINGS[at:])
    return {head: found[head] for head in order if head in found}


def _sections_up(player: type[Player]) -> list[dict[str, str]]:
    """Return the sections of a player's docstring, then those of its base classes'."""
    bases = [base for base in player.__mro__ if issubclass(base, Player)]
    texts = [inspect.cleandoc(base.__doc__ or "") for base in bases]
    return [_sections(text.partition("\n")[2]) for text in texts]  # behind the summary


def _sections(text: str) -> dict[str, str]:
    parts = _HEADING.split(text)[1:]  # heading, text, heading, text ...
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return {head: " ".join(body.partition("\n\n")[0].split()) for head, body in pairs}


def _parameters(sections: Mapping[str, str]) -> str:
    texts = [text for head, text in sections.items() if head.startswith(_OF_SETTINGS)]
    return " ".join(reversed(texts)).replace("`", "")  # a variant, behind, knows better


def meaning_of(setting: str, told: str, names: Collection[str] = ()) -> str:
    """Return what a section on parameters says of one of them, "" where it only names it.

    Parameters stand between semicolons: a name, then its meaning, or its meaning in parentheses.
    `names` are all settings: two that are named together have no meaning of their own.

    >>> told = "rate (share of weights, in [0, 1]); lr of Adam; batch (images) and shift (pixels)."
    >>> meaning_of("rate", told), meaning_of("lr", told), meaning_of("shift", told)
    ('share of weights, in [0, 1]', 'of Adam', 'pixels')
    >>> meaning_of("epochs", told), meaning_of("a", "a, b of the search", ["a", "b"])
    ('', '')
    """
    start = re.search(rf"(?<![\w\"-]){re.escape(setting)}(?![\w\"-])", told)
    if start is None:
        return ""
    rest = told[start.end() :]
    if rest.startswith(" ("):
        inside = rest[2:]
        return inside[: _until(")", inside)]
    before = told[: start.start()].rstrip()
    follower = re.match(r"(?: and|,) (\w+)", rest)
    shared = follower is not None and (follower[1] in names or follower[0].startswith(" and"))
    if shared or (before and before[-1] not in ";."):
        return ""
    return rest[: _until(";", rest)].strip(" ,:.")


def _until(mark: str, text: str) -> int:
    """Return where a mark stands outside of parentheses, or where the text ends."""
    depth = 0
    for i, letter in enumerate(text):
        if letter == mark and depth == 0:
            return i
        depth += (letter in "([") - (letter in ")]")  # either closes: [0, 1) is balanced
    return len(text)


def type_in_words(annotation: object) -> str:
    """Return a type as a person writes its values.

    >>> type_in_words(Literal["layer", "global"]), type_in_words(float | None)
    ("'layer' or 'global'", 'float or none')
    >>> type_in_words(tuple[int, ...])
    'list of int'
    """
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(map(repr, parts))
    if origin in (UnionType, Union):
        return " or ".join(map(type_in_words, parts))
    if origin is tuple:
        return f"list of {type_in_words(parts[0])}"
    if annotation is NoneType:
        return "none"
    if isinstance(annotation, type) and origin is None:
        return annotation.__name__
    return re.sub(r"\b(?:[a-zA-Z_]+\.)+", "", str(annotation))


def _written(value: Json) -> str:
    """Return a value as a scenario writes it, or "none"."""
    return "none" if value is None else json.dumps(value)
