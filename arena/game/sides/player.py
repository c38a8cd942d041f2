"""Players: what an attack and a defence have in common, and the registry that finds them."""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
import json
import math
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Literal, Self, TypeGuard, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from arena.errors import RegistryError, did_you_mean
from arena.game.sides.plugins import load_players
from arena.world.bounds import SETTING
from arena.world.code_version import class_version
from arena.world.json_values import Frozen, Json


@dataclass(frozen=True)
class Dial:
    """Which hyper-parameter makes a move milder or harsher, and over what range."""

    field: str
    low: float
    high: float
    scale: Literal["linear", "log"] = "linear"

    def at(self, strength: float) -> float:
        """Return the value at a strength in [0, 1]."""
        if self.scale == "log":
            return float(self.low * (self.high / self.low) ** strength)
        return self.low + (self.high - self.low) * strength


@dataclass(frozen=True, kw_only=True)
class Player:
    """Base class of attacks and defences: hyper-parameters are keyword-only fields, nothing else.

    Class attributes: `paper` (authors, venue, year, or "" for a control), `dial` (what `at` turns),
    `control` (does nothing on purpose), `quick` (settings that make a trial on the digits a matter
    of seconds, where the paper's defaults do not), `task_needs` (what a match must offer the
    player, by name: see `arena.game.sides.needs`; a classifier where a player does not say), and
    `name`, set by the registry.
    """

    name: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    dial: ClassVar[Dial | None] = None
    control: ClassVar[bool] = False
    quick: ClassVar[Mapping[str, Json]] = MappingProxyType({})
    task_needs: ClassVar[frozenset[str]] = frozenset({"classes"})

    @property
    def needs_of_task(self) -> frozenset[str]:
        """Return what a match must offer this player; some settings need more than others."""
        return self.task_needs

    def at(self, strength: float) -> Self:
        """Return the same player, milder (0) or harsher (1); one without a dial is unchanged.

        Raises:
            ValueError: the strength is outside [0, 1].
        """
        if not 0 <= strength <= 1:
            raise ValueError(f"expected a strength in [0, 1], found {strength}")
        if self.dial is None:
            return self
        value: float | int = self.dial.at(strength)
        if isinstance(getattr(self, self.dial.field), int):
            value = round(value)
        return dataclasses.replace(self, **{self.dial.field: value})

    @classmethod
    def of(cls, settings: Mapping[str, Json], title: str) -> Self:
        """Return the player with these hyper-parameters, checked.

        Raises:
            RegistryError: a setting that it does not take; the sentence begins with `title`.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for setting in settings:
            if setting not in known:
                raise RegistryError(
                    f"{title} has no setting {setting!r}{did_you_mean(setting, known)}"
                )
        try:
            written = json.dumps(dict(settings), default=str)  # what JSON has not is no setting
            made: Self = cls._form().validate_json(written, strict=True)
        except (ValidationError, ValueError) as error:
            raise RegistryError(f"{title}: {_first(error)}") from error
        for problem in out_of_range(made):
            raise RegistryError(f"{title}: {problem}")
        return made

    @classmethod
    @functools.lru_cache(maxsize=512)  # making one takes a millisecond; a match asks some ten times
    def _form(cls) -> TypeAdapter[Any]:
        """Return what checks the hyper-parameters."""
        return TypeAdapter(cls)

    @classmethod
    def version(cls) -> str:
        """Return a hash of the code that this player runs."""
        return class_version(cls)

    @classmethod
    def author(cls) -> tuple[str, str]:
        """Return the file that holds the class ("" where there is none) and its title there."""
        file = getattr(sys.modules.get(cls.__module__), "__file__", None)
        return str(Path(file).resolve()) if file else "", cls.__qualname__

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the docstring."""
        return (cls.__doc__ or "").strip().partition("\n")[0]

    def settings(self) -> dict[str, Json]:
        """Return the hyper-parameters as JSON values."""
        return dict(self._form().dump_python(self, mode="json"))


class PlayerSpec(Frozen):
    """A player by name, with the hyper-parameters that differ from its defaults."""

    name: str
    settings: dict[str, Json] = Field(default_factory=dict)


P = TypeVar("P", bound=Player)


class Registry(Generic[P]):
    """The players of one kind by name. Other people's packages join through entry points."""

    def __init__(self, kind: str, *groups: str) -> None:
        self.kind, self._groups = kind, groups
        self._classes: dict[str, type[P]] = {}
        self._authors: dict[str, tuple[str, str]] = {}
        self._found = False

    def register(self, name: str) -> Callable[[type[P]], type[P]]:
        """Return the decorator that enters a class under a name.

        A class takes the place of one of the same file and title: the same, imported again.

        Raises:
            RegistryError: the name is taken by another class.
        """

        def enter(player: type[P]) -> type[P]:
            author = player.author()
            known = self._authors.setdefault(name, author)
            if known != author:
                where = f" of {Path(known[0]).name}" if known[0] != author[0] else ""
                raise RegistryError(
                    f"expected a new name for {self.kind} {author[1]}, {name!r} is taken "
                    f"by {known[1]}{where}; choose another"
                )
            player.name = name
            self._classes[name] = player
            return player

        return enter

    @contextmanager
    def kept(self, *, without: Collection[str] = ()) -> Iterator[None]:
        """Forget afterwards what is registered meanwhile; some names are not known meanwhile."""
        known = self.classes()
        classes, authors = self._classes, self._authors
        try:
            self._classes = {name: known[name] for name in known if name not in without}
            self._authors = {name: authors[name] for name in authors if name not in without}
            yield
        finally:
            self._classes, self._authors = classes, authors

    @contextmanager
    def lent(self, players: Mapping[str, type[P]]) -> Iterator[None]:
        """Have classes under their names for a while.

        Raises:
            RegistryError: a name is taken.
        """
        known = self.classes()
        for name, player in players.items():
            if name in known:
                raise RegistryError(
                    f"expected a new name for {self.kind} {player.__name__}, {name!r} is taken; "
                    "choose another"
                )
        with self.kept():
            for name, player in players.items():
                self.register(name)(player)
            yield

    def entered(self) -> Mapping[str, type[P]]:
        """Return the classes that were registered so far, by name; nothing is looked for."""
        return dict(self._classes)

    def classes(self) -> Mapping[str, type[P]]:
        """Return every registered class by name, sorted."""
        if not self._found:
            self._found = True
            for group in self._groups:
                for entry in importlib.metadata.entry_points(group=group):
                    load_players(entry)
        return dict(sorted(self._classes.items()))

    def find(self, name: str) -> type[P]:
        """Return the class of that name.

        Raises:
            RegistryError: there is none.
        """
        if name in self._classes:
            return self._classes[name]
        classes = self.classes()
        if name not in classes:
            raise RegistryError(f"no {self.kind} is called {name!r}{did_you_mean(name, classes)}")
        return classes[name]

    def make(self, spec: PlayerSpec) -> P:
        """Return the player that a specification describes, its hyper-parameters checked.

        Raises:
            RegistryError: no such player, or settings that it does not take.
        """
        return self.find(spec.name).of(spec.settings, f"{self.kind} {spec.name!r}")


def out_of_range(player: Player) -> list[str]:
    """Return what is wrong with a player's numbers, whatever they mean.

    A number is finite, and not negative where its default is not; a whole number is not beyond
    all bounds.
    """
    problems = []
    for field in dataclasses.fields(player):
        value, usual = getattr(player, field.name), field.default
        if not _is_number(value) or not _is_number(usual):
            continue
        least = 0 if usual >= 0 else -math.inf
        most = SETTING if isinstance(value, int) else math.inf
        if not (math.isfinite(value) and least <= value <= most):
            wanted = f"at least {least:g}" if value < least else f"at most {most:,}"
            wanted = wanted if math.isfinite(value) else "a finite number"
            problems.append(f"setting {field.name!r}: expected {wanted}, found {value!r}")
    return problems


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    problem = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"setting {where!r}: {problem['msg'].lower()}, found {problem['input']!r}"
