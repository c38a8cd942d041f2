"""Checks that hold for attacks and defences alike: they read the class and never play it."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

from arena.game.checks.problem import Check, said
from arena.game.player import Player
from arena.world.plain import canonical

HEADINGS = (
    "What",
    "Threat model",
    "Parameters",
    "Cost",
    "Differences to the paper",
    "Reference",
    "Versions",
)


def is_a_frozen_dataclass(cls: type[Player]) -> Iterator[str]:
    """A player is a frozen dataclass with keyword-only fields that all have defaults."""
    parameters = cls.__dict__.get("__dataclass_params__")
    if parameters is None or not parameters.frozen:
        yield (
            f"expected {cls.__name__} to be a frozen dataclass of its own; decorate it with "
            "@dataclass(frozen=True, kw_only=True)"
        )
        return
    for field in dataclasses.fields(cls):
        if not field.kw_only:
            yield f"expected field {field.name!r} to be keyword-only; pass kw_only=True"
        if field.default is field.default_factory is dataclasses.MISSING:
            yield f"expected a default of field {field.name!r}, found none; give the paper's value"


def documents_itself(cls: type[Player]) -> Iterator[str]:
    """The docstring has a summary of its own and, here or in a base class, the fixed headings."""
    own = cls.__dict__.get("__doc__") or ""
    if not own or own.startswith(f"{cls.__name__}("):
        yield f"expected a docstring of {cls.__name__}, found none; start with what the player does"
        return
    if not cls.summary().endswith((".", ":")):
        yield f"expected a sentence in the first line of the docstring, found {cls.summary()!r}"
    known = "\n".join(base.__doc__ or "" for base in cls.__mro__ if issubclass(base, Player))
    missing = [head for head in HEADINGS if not re.search(rf"^\s*{head}:", known, re.MULTILINE)]
    if missing:
        yield f"expected the heading{'s' * (len(missing) > 1)} {', '.join(missing)} in the docstring"


def names_its_paper(cls: type[Player]) -> Iterator[str]:
    """A player names its paper, unless it is a control."""
    if not cls.paper and not cls.control:
        yield 'expected the class attribute paper = "authors, venue, year"; or declare control = True'


def repr_makes_it_again(cls: type[Player]) -> Iterator[str]:
    """`repr(player)` is the text of a constructor call that makes an equal player."""
    player = made(cls)
    names = dict(vars(sys.modules[cls.__module__]))
    again = eval(repr(player), names)  # noqa: S307 - the player's own text; its code runs here anyway
    if again != player:
        yield f"expected {player!r} from its own repr, found {again!r}"


def settings_travel_as_json(cls: type[Player]) -> Iterator[str]:
    """The hyper-parameters survive being written as JSON and read back."""
    player = made(cls)
    try:
        text = canonical(player.settings())
    except (TypeError, ValueError) as error:
        yield f"expected settings that JSON can hold, found {said(error)}"
        return
    again = _validated(cls, json.loads(text))
    if again != player:
        yield f"expected {player!r} from its own settings, found {again!r}"


def turns_its_dial(cls: type[Player]) -> Iterator[str]:
    """`at(0)` and `at(1)` are valid players, and differ where there is a dial."""
    player = made(cls)
    if cls.dial is None:
        return
    names = [field.name for field in dataclasses.fields(cls)]
    if cls.dial.field not in names:
        yield f"expected a dial on one of {', '.join(names)}, found {cls.dial.field!r}"
        return
    mild, harsh = player.at(0), player.at(1)
    for end in (mild, harsh):
        _validated(cls, end.settings())
    if mild == harsh:
        yield f"expected at(0) and at(1) to differ, found {mild!r} twice"


def has_valid_quick_settings(cls: type[Player]) -> Iterator[str]:
    """The settings in `quick` are hyper-parameters of the player."""
    names = [field.name for field in dataclasses.fields(cls)]
    for name in cls.quick:
        if name not in names:
            yield f"expected quick to hold some of {', '.join(names)}, found {name!r}"


def made(cls: type[Player]) -> Player:
    """Return the player with its defaults."""
    return cls()


def quick(cls: type[Player]) -> Player:
    """Return the player as trials play it: with its `quick` settings, checked like any others."""
    return _validated(cls, dict(cls.quick))


def _validated(cls: type[Player], settings: dict[str, Any]) -> Player:
    player: Player = TypeAdapter(cls).validate_python(settings)
    return player


PLAYER_CHECKS: tuple[Check[type[Player]], ...] = (
    Check(is_a_frozen_dataclass),
    Check(documents_itself),
    Check(names_its_paper),
    Check(repr_makes_it_again),
    Check(settings_travel_as_json),
    Check(turns_its_dial),
    Check(has_valid_quick_settings),
)
