"""The scenarios that ship, found by name, and a person's own, found by path."""

from __future__ import annotations

from pathlib import Path

import arena
from arena.errors import ScenarioError, did_you_mean

DEFAULT = "quickstart"


def shipped() -> dict[str, Path]:
    """Return the scenarios that ship by name (`quickstart`, `lecture/x`), sorted."""
    root = arena.ROOT / "scenarios"  # not by its name: a folder of a person's own may have it
    paths = root.rglob("*.toml")
    named = {path.relative_to(root).with_suffix("").as_posix(): path for path in paths}
    return dict(sorted(named.items()))


def find_scenario(text: str) -> Path:
    """Return the file of a scenario.

    Args:
        text: the name of a shipped scenario, or the path of a TOML file.

    Raises:
        ScenarioError: there is neither.
    """
    known = shipped()
    if text in known:
        return known[text]
    path = Path(text).expanduser()
    if path.is_file():
        return path
    hint = did_you_mean(text, known)
    raise ScenarioError(
        [f"expected the name of a scenario or a TOML file, found {text!r}, which is neither{hint}"]
    )
