"""The registry of architectures: the only way from a name to a network."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from torch import Tensor, nn

from arena.errors import ModelError, RegistryError, did_you_mean
from arena.world.json_values import Json, Raw
from arena.world.rng import Rng

Builder = Callable[..., nn.Module]
"""`builder(*sizes, *, keyword=default, ...)`: the network; its kind says which sizes there are.

Those of classifiers take `(shape, n_classes)`: from the normalised input to logits.
"""

Fit = Callable[[nn.Module, Tensor, Tensor, Rng], None]
"""`fit(body, inputs (N, *shape), targets (N, C), rng)`: learns in place, without gradients.

The inputs are normalised floats, the targets are rows that sum to one.
"""

_B = TypeVar("_B", bound=Builder)
_BUILDERS: dict[str, Builder] = {}
_FITS: dict[str, Fit] = {}
_KINDS: dict[str, str] = {}
_FAMILIES: dict[str, Callable[[str], Builder]] = {}


@dataclass(frozen=True)
class ArchitectureInfo:
    """What `arena list models` shows of an architecture."""

    name: str
    summary: str
    defaults: Mapping[str, Json]
    kind: str = "classifier"


def architecture(
    name: str, *, kind: str = "classifier", fit: Fit | None = None
) -> Callable[[_B], _B]:
    """Register the decorated builder; the first line of its docstring is its summary.

    A builder is `def lenet5(shape, n_classes, *, norm="none") -> nn.Module`. The defaults of its
    keyword arguments say which type each argument has. `kind` is what its models do. `fit` is how a
    network learns that has no gradients to follow.

    Raises:
        RegistryError: the name is taken.
    """

    def register(builder: _B) -> _B:
        if name in _BUILDERS:
            raise RegistryError(f"the architecture {name!r} is registered twice; rename one")
        _BUILDERS[name] = builder
        _KINDS[name] = kind
        if fit is not None:
            _FITS[name] = fit
        return builder

    return register


def family(
    prefix: str, *, kind: str = "classifier"
) -> Callable[[Callable[[str], Builder]], Callable[[str], Builder]]:
    """Register a function that finds the builder of every name that reads `<prefix>:<rest>`.

    `kind` is what the models of all of them do.

    Raises:
        RegistryError: the prefix is taken.
    """

    def register(find: Callable[[str], Builder]) -> Callable[[str], Builder]:
        if prefix in _FAMILIES:
            raise RegistryError(f"the family {prefix!r} is registered twice; rename one")
        _FAMILIES[prefix] = find
        _KINDS[f"{prefix}:"] = kind
        return find

    return register


@contextmanager
def kept() -> Iterator[None]:
    """Forget afterwards the architectures and families that are registered meanwhile."""
    tables: tuple[dict[str, Any], ...] = (_BUILDERS, _FITS, _KINDS, _FAMILIES)
    before = [dict(table) for table in tables]
    try:
        yield
    finally:
        for table, known in zip(tables, before, strict=True):
            table.clear()
            table.update(known)


def families() -> Mapping[str, Callable[[str], Builder]]:
    """Return the families by their prefix."""
    return MappingProxyType(_FAMILIES)


def fit_of(name: str) -> Fit | None:
    """Return how models of that architecture learn; None where they follow gradients."""
    return _FITS.get(name)


def kind_of(name: str) -> str:
    """Return what models of that architecture do; of a family, what all of its do."""
    return _KINDS.get(name) or _KINDS.get(name.partition(":")[0] + ":", "classifier")


def defaults_of(name: str) -> Mapping[str, Json]:
    """Return the keyword arguments of an architecture with their defaults.

    Raises:
        ModelError: there is none of that name.
    """
    return _defaults(_find(name))


def architectures() -> Mapping[str, ArchitectureInfo]:
    """Return what is known of every registered architecture, by name in alphabetical order.

    Members of a family (`torchvision:<name>`) are not listed: they are found when asked for.
    """
    return MappingProxyType(
        {
            name: ArchitectureInfo(name, _summary(builder), _defaults(builder), _KINDS[name])
            for name, builder in sorted(_BUILDERS.items())
        }
    )


def make_body(name: str, arguments: Mapping[str, Json], *sizes: object) -> nn.Module:
    """Build the network of that name for what goes in and out, on the current default device.

    Args:
        name: of the architecture.
        arguments: its keyword arguments.
        sizes: what its kind builds from: (input_shape, n_classes) of a classifier.

    Raises:
        ModelError: the name, an argument or a size is not one that the architecture takes.
    """
    builder = _find(name)
    problems = [] if _takes_any(builder) else _argument_problems(arguments, _defaults(builder))
    if problems:
        raise ModelError(f"{name} cannot be built: " + "; ".join(problems))
    return builder(*sizes, **arguments)


def _find(name: str) -> Builder:
    prefix, colon, rest = name.partition(":")
    if colon and prefix in _FAMILIES:
        return _FAMILIES[prefix](rest)
    if name not in _BUILDERS:
        raise ModelError(f"no architecture is named {name!r}{did_you_mean(name, _BUILDERS)}")
    return _BUILDERS[name]


def _summary(builder: Builder) -> str:
    return (inspect.getdoc(builder) or "").partition("\n")[0]


def _defaults(builder: Builder) -> Mapping[str, Json]:
    parameters = inspect.signature(builder).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def _takes_any(builder: Builder) -> bool:
    """Tell whether a builder leaves its arguments to somebody else's code to check."""
    parameters = inspect.signature(builder).parameters.values()
    return any(p.kind is p.VAR_KEYWORD for p in parameters)


def _argument_problems(arguments: Mapping[str, Json], defaults: Mapping[str, Json]) -> list[str]:
    known = ", ".join(defaults) or "none"
    problems = [
        f"it has no argument {key!r} (its arguments: {known})"
        for key in arguments
        if key not in defaults
    ]
    problems += [
        f"{key} should look like {defaults[key]!r}, found {value!r}"
        for key, value in arguments.items()
        if key in defaults and not _same_kind(value, defaults[key])
    ]
    return problems


def _same_kind(value: Raw, default: Raw) -> bool:
    """Tell whether a JSON value can stand for a default: lists of ints for tuples of ints, ..."""
    if isinstance(default, tuple | list):
        is_list = isinstance(value, tuple | list)
        return is_list and all(_same_kind(entry, first) for entry in value for first in default[:1])
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    if isinstance(default, Mapping):
        return isinstance(value, Mapping)
    return isinstance(value, type(default))
