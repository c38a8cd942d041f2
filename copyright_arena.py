"""The command `arena`, and one sentence where another package of this name is in its place."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
from pathlib import Path

DISTRIBUTION = "copyright-arena"
_OURS = Path(__file__).resolve().parent / "arena"


def main() -> None:
    """Run the command line; exit with 2 where `import arena` finds another package."""
    place = stranger()
    if place:
        sys.stderr.write(
            f"arena: expected the package arena of {DISTRIBUTION} at {_OURS}, found {_owner()} at "
            f"{place}; uninstall or rename it, or install {DISTRIBUTION} into an environment of "
            "its own\n"
        )
        sys.exit(2)
    importlib.import_module("arena.view.cli").main()


def stranger() -> str:
    """Return where the package lies that is imported as `arena` in place of ours, "" if none."""
    specification = importlib.util.find_spec("arena")
    if specification is None:
        return f"no place on {sys.path}"
    places = list(specification.submodule_search_locations or [str(specification.origin)])
    if _OURS not in [Path(place).resolve() for place in places]:
        return ", ".join(places)
    ours = getattr(importlib.import_module("arena"), "DISTRIBUTION", None) == DISTRIBUTION
    return "" if ours else f"{_OURS / '__init__.py'}, which it overwrote"


def _owner() -> str:
    names = set(importlib.metadata.packages_distributions().get("arena", [])) - {DISTRIBUTION}
    return f"that of {' and '.join(sorted(names))}" if names else "another one"


if __name__ == "__main__":
    main()
