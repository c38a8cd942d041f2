"""Typed keys: a scheme says once what its keys hold; one that holds something else is told so.

A key travels as settings and tensors (`Key`). A scheme's public module declares the same as a
frozen dataclass, and everybody reads and writes keys through it.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self, get_type_hints

from pydantic import Field, TypeAdapter, ValidationError
from torch import Tensor

from arena.errors import MalformedKey
from arena.game.rules.keys import Key
from arena.world.bundle import Bundle
from arena.world.json_values import Json

Count = Annotated[int, Field(ge=1)]
Shape = tuple[Count, ...]

Tensors = Mapping[str, Tensor]
"""A group of tensors of a key, by the part of their names behind the slash."""


@dataclass(frozen=True, kw_only=True)
class KeyForm:
    """Base class of typed keys: frozen dataclasses whose fields are what a key holds.

    A field of type `Tensor` is the key's tensor of that name, one of type `Tensors` all of its
    tensors called `field/...`; every other field is a setting. `field(metadata={"name": ...})`
    gives another name, a field with a default may be absent, and None is written as nothing. What a
    key holds beside is no business of the form, and stays.
    """

    @classmethod
    def of(cls, key: Key) -> Self:
        """Read a key; raises like `read`."""
        return cls.read(Bundle(key.settings, key.tensors))

    @classmethod
    def read(cls, bundle: Bundle) -> Self:
        """Read settings and tensors.

        Raises:
            MalformedKey: they are not of this form; says in one sentence all that is wrong.
        """
        found: dict[str, Any] = {}
        problems: list[str] = []
        for part in _parts(cls):
            try:
                value = part.read(bundle)
            except _Absent as absent:
                problems.append(str(absent))
                continue
            if value is not None:
                found[part.field] = value
        if not problems:
            form = cls(**found)
            problems = list(form.problems())
        if problems:
            raise MalformedKey(f"the key is malformed: {'; '.join(problems)}")
        return form

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with the material: shapes that do not fit each other."""
        yield from ()

    def expanded(self, seed: str) -> Self:
        """Return the form with all that its seed expands to: as it is, where that is nothing."""
        return self

    def bundle(self) -> Bundle:
        """Return the material as settings and tensors."""
        settings: dict[str, Json] = {}
        tensors: dict[str, Tensor] = {}
        for part in _parts(type(self)):
            value = getattr(self, part.field)
            if part.is_group:
                tensors |= {f"{part.name}/{name}": tensor for name, tensor in value.items()}
            elif isinstance(value, Tensor):
                tensors[part.name] = value
            elif value is not None:
                settings[part.name] = part.adapter.dump_python(value, mode="json")
        return Bundle(settings, tensors)

    def into(self, key: Key) -> Key:
        """Return a key with this material in the place of what it held of it."""
        mine = self.bundle()
        groups = tuple(f"{part.name}/" for part in _parts(type(self)) if part.is_group)
        beside = {n: t for n, t in key.tensors.items() if not n.startswith(groups)}
        settings, tensors = {**key.settings, **mine.data}, {**beside, **mine.tensors}
        return dataclasses.replace(key, settings=settings, tensors=tensors)


@dataclass(frozen=True, kw_only=True)
class Checked(KeyForm):
    """What a key keeps of the trial before it was committed.

    Attributes:
        redraws: how often it was drawn anew, as it accused independent models.
        null_hits: their hits, of keys whose form has no place of its own for them.
    """

    redraws: int = 0
    null_hits: Sequence[int] = ()


class _Absent(Exception):  # noqa: N818 - a sentence about one part of a key
    """A part of a key is not there, or is something else."""


@dataclass(frozen=True)
class _Part:
    """Where one field of a form lies among settings and tensors."""

    field: str
    name: str
    hint: Any
    optional: bool

    @property
    def is_group(self) -> bool:
        """Whether the field holds a group of tensors."""
        return bool(self.hint == Tensors)

    @functools.cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """What checks and writes a setting."""
        return TypeAdapter(self.hint)

    def read(self, bundle: Bundle) -> Any:
        """Return the value, None where it may be and is absent; raises `_Absent`."""
        if self.is_group:
            return bundle.prefixed(self.name) or self._missing("tensors", f"{self.name}/...")
        if self.hint in (Tensor, Tensor | None):
            found = bundle.tensors.get(self.name)
            return self._missing("a tensor", self.name) if found is None else found
        if self.name not in bundle.data:
            return self._missing("a setting", self.name)
        value = bundle.data[self.name]
        try:
            return self.adapter.validate_python(value)
        except ValidationError as error:
            said = error.errors(include_url=False)[0]["msg"]
            raise _Absent(f"setting {self.name!r}: {said.lower()}, found {value!r}") from error

    def _missing(self, what: str, name: str) -> Any:
        """Return None for what may be absent."""
        if not self.optional:
            raise _Absent(f"expected {what} {name!r}, found none")
        return None


_KNOWN: dict[type, tuple[_Part, ...]] = {}


def _parts(form: type[KeyForm]) -> tuple[_Part, ...]:
    """Return where the fields of a form lie; each form is looked at once."""
    if form not in _KNOWN:
        hints, missing = get_type_hints(form, include_extras=True), dataclasses.MISSING
        _KNOWN[form] = tuple(
            _Part(
                field.name,
                field.metadata.get("name", field.name),
                hints[field.name],
                field.default is not missing or field.default_factory is not missing,
            )
            for field in dataclasses.fields(form)
        )
    return _KNOWN[form]


def shape_problem(name: str, tensor: Tensor, *shape: int | None) -> Iterator[str]:
    """Yield a sentence where a tensor has another shape; None stands for any size.

    >>> import torch
    >>> list(shape_problem("bits", torch.zeros(3), 4))
    ["expected 'bits' of (4), found (3)"]
    """
    found = tuple(tensor.shape)
    fits = len(found) == len(shape) and all(
        size in (None, there) for there, size in zip(found, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        yield f"expected {name!r} of ({wanted}), found ({', '.join(map(str, found))})"
