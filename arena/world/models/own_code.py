"""Networks of a person's own code, named as `FILE.py:CLASS` or `PACKAGE.MODULE:CLASS`.

Naming one runs it, with all that the person may do: it is the person's own. A card in a file never
names code: the architecture is found only while its own person has named it in this process.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from arena.errors import ModelError, did_you_mean
from arena.world.models.registry import Builder, families, family

_IN_FILE = re.compile(r"(?P<place>.+\.py):(?P<name>\w+)")
_IN_MODULE = re.compile(r"(?P<place>\w+(\.\w+)*):(?P<name>\w+)")
_SHAPE, _CLASSES = ("input_shape", "shape"), ("n_classes", "num_classes")
_TRUSTED: dict[str, Builder] = {}
_MODULES: dict[str, ModuleType] = {}


def trusted_name(words: str) -> str:
    """Return the architecture that words name; a person's own code is imported for it.

    Args:
        words: the name of an architecture, which is returned as it is, or where a class is that
            builds one. What its parameters `input_shape` (or `shape`) and `n_classes` (or
            `num_classes`) are is filled in, all others are the architecture's arguments.

    Raises:
        ModelError: there is no such file, module or class, or importing it fails.
    """
    found = _IN_FILE.fullmatch(words)
    if found is not None:
        return _trust(_module_in(Path(found["place"])), found["name"])
    found = _IN_MODULE.fullmatch(words)
    if found is None or found["place"] in families():
        return words
    return _trust(_module_called(found["place"]), found["name"])


@family("own")
def own_builder(name: str) -> Builder:
    """Return the builder of a network whose code its own person has named in this process.

    Raises:
        ModelError: nobody has: a card alone never makes code run.
    """
    if name not in _TRUSTED:
        raise ModelError(
            f"own:{name} is a network of a person's own code, which a file alone does not run; "
            "name it with --victim-architecture or --suspect-architecture FILE.py:CLASS"
        )
    return _TRUSTED[name]


def _trust(module: ModuleType, name: str) -> str:
    make = getattr(module, name, None)
    if not callable(make):
        known = [key for key, value in vars(module).items() if inspect.isclass(value)]
        raise ModelError(f"{module.__name__} has no class {name!r}{did_you_mean(name, known)}")
    # the code's digest is part of the name: what was built of other code is another network
    title = f"{name}@{_digest(module)[:8]}"
    _TRUSTED[title] = _builder(title, make)
    return f"own:{title}"


def _builder(title: str, make: Callable[..., Any]) -> Builder:
    taken = inspect.signature(make).parameters

    def build(shape: tuple[int, ...], n_classes: int, **arguments: Any) -> nn.Module:
        filled: dict[str, Any] = {}
        for names, value in ((_SHAPE, shape), (_CLASSES, n_classes)):
            filled |= {name: value for name in names if name in taken}
        try:
            network = make(**{**filled, **arguments})
        except Exception as error:  # a person's code can raise anything
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise ModelError(f"own:{title} cannot be built ({reason})") from error
        if not isinstance(network, nn.Module):
            raise ModelError(
                f"expected own:{title} to be a torch.nn.Module, found {type(network).__name__}"
            )
        return network

    return build


def _module_in(path: Path) -> ModuleType:
    if not path.is_file():
        raise ModelError(f"expected the file of a network, found none at {path}; check the path")
    whole = path.resolve()
    key = f"{whole}@{hashlib.sha256(whole.read_bytes()).hexdigest()}"
    if key in _MODULES:
        return _MODULES[key]
    spec = importlib.util.spec_from_file_location(path.stem, whole)
    if spec is None or spec.loader is None:
        raise ModelError(f"expected Python in {path}, found a file that cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(whole.parent))  # its own imports lie beside it
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a person's code can raise anything
        raise _fails(str(path), error) from error
    finally:
        sys.path.remove(str(whole.parent))
    _MODULES[key] = module
    return module


def _module_called(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:  # a person's code can raise anything
        raise _fails(name, error) from error


def _fails(place: str, error: Exception) -> ModelError:
    reason = f"{type(error).__name__}: {error}".partition("\n")[0]
    return ModelError(f"{place} cannot be imported ({reason}); run it with python first")


def _digest(module: ModuleType) -> str:
    file = getattr(module, "__file__", None)
    if file is None:
        raise ModelError(f"expected a module with a file, found {module.__name__}")
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()
