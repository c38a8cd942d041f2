"""What tells a person's own modules apart: layers, plain values, and the code that they run."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import Any

from torch import nn

_OF_EVERY_MODULE = frozenset(vars(nn.Module()))
_PLAIN = (bool, int, float, str, type(None))
_NAMED = (BuiltinFunctionType, type)  # go by their names


def form_of(module: nn.Module) -> str:
    """Return a hash of a module but for its weights: the same in every process of one Python.

    Code is compared as it was compiled, since a class of a notebook has no file. What torch brings
    goes by its name, and what a function finds among the names of its module is left out.
    """
    state = hashlib.sha256(repr(module).encode())
    for part in module.modules():
        own = {name: each for name, each in vars(part).items() if name not in _OF_EVERY_MODULE}
        for names in (own, *map(vars, _own_classes(type(part)))):
            for word in _words_of(names):
                state.update(f"{len(word)}:{word}".encode())
    return state.hexdigest()


def _own_classes(kind: type) -> Iterator[type]:
    for base in kind.__mro__:
        if base.__module__.partition(".")[0] not in ("torch", "builtins"):
            yield base


def _words_of(names: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the attributes of an object or a class say: functions, and plain values."""
    for name, value in sorted(names.items()):
        functions = list(_functions(value, set()))
        if functions:
            yield name
        for function in functions:
            yield from _code(function.__code__)
            yield _said((function.__defaults__, function.__kwdefaults__, _held(function)))
        if (_is_plain(value) or isinstance(value, _NAMED)) and not name.startswith("__"):
            yield f"{name} = {_said(value)}"


def _functions(value: Any, seen: set[int]) -> Iterator[FunctionType]:
    """Yield the functions that an attribute is: methods, properties, and what decorators hold."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, FunctionType):
        yield value
        held = _held(value)
    elif isinstance(value, property):
        held = [value.fget, value.fset, value.fdel]
    else:
        held = [getattr(value, "__func__", None)]
    for each in held:
        if each is not None and not isinstance(each, type | nn.Module):
            yield from _functions(each, seen)


def _held(function: FunctionType) -> list[Any]:
    """Return what a function holds of where it was made."""
    held = []
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # an empty one
            held.append(cell.cell_contents)
    return held


def _code(code: CodeType) -> Iterator[str]:
    """Yield what a function does; neither its file nor its lines."""
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code(constant)
        else:
            yield _said(constant)


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN)


def _said(value: Any) -> str:
    """Return a value in words that are the same in every process: sets have no order of their own.

    A value of another kind, such as a default that is a function, goes by its class.
    """
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_said, value))})"
    if isinstance(value, frozenset | set):
        return f"{{{', '.join(sorted(map(_said, value)))}}}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_said(each)}' for key, each in sorted(value.items()))}}}"
    if isinstance(value, (*_PLAIN, bytes, complex, type(...))):
        return repr(value)
    return value.__qualname__ if isinstance(value, _NAMED) else type(value).__qualname__
