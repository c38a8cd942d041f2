"""Checks that hold for attacks and defences alike: they read the class and never play it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from typing import Any, Protocol

from pydantic import TypeAdapter

from arena.game.checks.check import Check, said
from arena.game.sides.description import HEADINGS, sections_of
from arena.game.sides.player import P, Player
from arena.world.json_values import canonical, from_json


class Subject(Protocol):
    """What these checks look at: anything that holds a player's class."""

    @property
    def cls(self) -> type[Player]:
        """Return the class."""


def is_a_frozen_dataclass(trial: Subject) -> Iterator[str]:
    """A player is a frozen dataclass with keyword-only fields that all have defaults."""
    cls = trial.cls
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


def documents_itself(trial: Subject) -> Iterator[str]:
    """The docstring has a summary of its own and, here or in a base class, the fixed headings."""
    cls = trial.cls
    own = cls.__dict__.get("__doc__") or ""
    if not own or own.startswith(f"{cls.__name__}("):
        yield f"expected a docstring of {cls.__name__}, found none; start with what the player does"
        return
    if not cls.summary().endswith((".", ":")):
        yield f"expected a sentence in the first line of the docstring, found {cls.summary()!r}"
    known = sections_of(cls)
    missing = [head for head in HEADINGS if head not in known]
    if missing:
        yield f"expected the headings of a player in the docstring, missing: {', '.join(missing)}"


def names_its_paper(trial: Subject) -> Iterator[str]:
    """A player names its paper, unless it is a control."""
    if not trial.cls.paper and not trial.cls.control:
        yield 'expected paper = "authors, venue, year", found none; or declare control = True'


def repr_makes_it_again(trial: Subject) -> Iterator[str]:
    """`repr(player)` is the text of a constructor call that makes an equal player."""
    player = trial.cls()
    names = dict(vars(sys.modules[trial.cls.__module__]))
    again = eval(repr(player), names)  # noqa: S307 - the player's own text; its code runs here anyway
    if again != player:
        yield f"expected repr to give {player.settings()}, found {again.settings()}"


def settings_travel_as_json(trial: Subject) -> Iterator[str]:
    """The hyper-parameters survive being written as JSON and read back."""
    player = trial.cls()
    try:
        text = canonical(player.settings())
    except (TypeError, ValueError) as error:
        yield f"expected settings that JSON can hold, found {said(error)}"
        return
    again = _validated(trial.cls, from_json(text))
    if again != player:
        yield f"expected {player!r} from its own settings, found {again!r}"


def turns_its_dial(trial: Subject) -> Iterator[str]:
    """`at(0)` and `at(1)` are valid players, and differ where there is a dial."""
    cls, player = trial.cls, trial.cls()
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


def has_valid_quick_settings(trial: Subject) -> Iterator[str]:
    """The settings in `quick` are hyper-parameters of the player."""
    names = [field.name for field in dataclasses.fields(trial.cls)]
    for name in trial.cls.quick:
        if name not in names:
            yield f"expected quick to hold some of {', '.join(names)}, found {name!r}"


def quick(cls: type[P]) -> P:
    """Return the player as trials play it: with its `quick` settings, checked like any others."""
    return _validated(cls, dict(cls.quick))


def _validated(cls: type[P], settings: dict[str, Any]) -> P:
    player: P = TypeAdapter(cls).validate_python(settings)
    return player


PLAYER_CHECKS: tuple[Check[Subject], ...] = (
    Check(is_a_frozen_dataclass),
    Check(documents_itself, is_style=True),
    Check(names_its_paper, is_style=True),
    Check(repr_makes_it_again),
    Check(settings_travel_as_json),
    Check(turns_its_dial),
    Check(has_valid_quick_settings),
)
