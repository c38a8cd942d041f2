"""Players from a person's own files: importing the file registers what it holds."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from arena.errors import RegistryError


def import_below(package: str, paths: Iterable[str]) -> None:
    """Import every module below a package, in the order of their names: players register."""
    for found in pkgutil.walk_packages(paths, f"{package}."):
        importlib.import_module(found.name)


def load_plugins(paths: Iterable[Path]) -> None:
    """Import Python files; raises like `import_file`."""
    for path in paths:
        import_file(path)


def import_file(path: Path) -> ModuleType:
    """Return the module of a Python file, imported once, under its stem as name.

    Raises:
        RegistryError: the file is missing, cannot be imported, or another module has its name.
    """
    try:
        path = path.resolve()
        is_file = path.is_file()
    except (OSError, ValueError) as error:
        raise RegistryError(f"expected a Python file, found {str(path)!r}: {error}") from error
    modules = list(sys.modules.values())
    known = next((m for m in modules if getattr(m, "__file__", None) == str(path)), None)
    if known is not None:
        return known
    if not is_file:
        raise RegistryError(f"expected a Python file with players at {path}, found none")
    if path.stem in sys.modules:
        raise RegistryError(
            f"expected a file name of its own, found {path.name}: another module is called "
            f"{path.stem!r}; rename the file"
        )
    return _import(path)


def _import(path: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None:
        raise RegistryError(f"expected a Python file with players, found {path.name}")
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module  # dataclasses look their module up by name
    try:
        specification.loader.exec_module(module)
    except SystemExit as error:
        del sys.modules[path.stem]
        raise RegistryError(
            f"{path.name} ended the program (sys.exit({error.code!r})) while it was imported; "
            'put what is to run as a program under `if __name__ == "__main__":`'
        ) from error
    except Exception as error:
        del sys.modules[path.stem]
        raise RegistryError(
            f"{path.name} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    return module
