"""Players from a person's own files: importing the file registers what it holds."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from arena.errors import RegistryError


def load_plugins(paths: Iterable[Path]) -> None:
    """Import Python files once each, under their stem as module name.

    Raises:
        RegistryError: a file is missing or cannot be imported.
    """
    for path in paths:
        if path.stem not in sys.modules:
            _import(path)


def _import(path: Path) -> None:
    if not path.is_file():
        raise RegistryError(f"expected a Python file with players at {path}, found none")
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None:
        raise RegistryError(f"expected a Python file with players, found {path.name}")
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        del sys.modules[path.stem]
        raise RegistryError(
            f"{path.name} cannot be imported: {type(error).__name__}: {error}"
        ) from error
