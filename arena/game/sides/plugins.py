"""Where players come from: what ships, what other packages offer, and a person's own files."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

from arena import DISTRIBUTION, ROOT
from arena.errors import RegistryError


def load_players(entry: EntryPoint) -> None:
    """Import the players that a distribution offers.

    Raises:
        RegistryError: they cannot be imported, or another package has the name of ours.
    """
    if entry.dist is not None and entry.dist.name == DISTRIBUTION:
        import_shipped(entry.module)
        return
    try:
        entry.load()
    except Exception as error:  # a plugin can raise anything; it is named, not hidden
        raise RegistryError(
            f"the players of {entry.name} ({entry.value}) cannot be imported: "
            f"{type(error).__name__}: {error}"
        ) from error


def import_shipped(name: str) -> ModuleType:
    """Return a package that lies beside `arena`, whatever lies in front of it on sys.path.

    A folder of a person's own with the same name does not hide it.

    Raises:
        RegistryError: the other one was imported before.
    """
    own = ROOT / name / "__init__.py"
    known = sys.modules.get(name)
    if known is None:
        specification = PathFinder.find_spec(name, [str(ROOT)])
        if specification is None:
            raise RegistryError(f"expected the package {name} at {own}, found none; install again")
        sys.path.insert(0, str(ROOT))  # attackers import the public schemes of defenders
        try:
            return _executed(specification)
        finally:
            sys.path.remove(str(ROOT))
    found = getattr(known, "__file__", None) or next(iter(known.__path__), "nowhere")
    if Path(found).resolve() != own:
        raise RegistryError(
            f"expected {name} to be the package that ships with {DISTRIBUTION}, found {found}, "
            "which was imported before it; rename that folder"
        )
    return known


def import_below(package: str, paths: Iterable[str]) -> None:
    """Import every module below a package, in the order of their names: players register."""
    for found in pkgutil.walk_packages(paths, f"{package}."):
        importlib.import_module(found.name)


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
    try:
        return _executed(specification)
    except SystemExit as error:
        raise RegistryError(
            f"{path.name} ended the program (sys.exit({error.code!r})) while it was imported; "
            'put what is to run as a program under `if __name__ == "__main__":`'
        ) from error
    except Exception as error:
        raise RegistryError(
            f"{path.name} cannot be imported: {type(error).__name__}: {error}"
        ) from error


def _executed(specification: ModuleSpec) -> ModuleType:
    """Return the module that a specification describes; it stays imported only if it runs."""
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # dataclasses look their module up by name
    try:
        if specification.loader is not None:
            specification.loader.exec_module(module)
    except BaseException:
        del sys.modules[specification.name]
        raise
    return module
