"""The copyright arena: thieves steal neural networks, owners prove whose they are.

    import arena

    played = arena.play(owner="uchida", thief=["prune", "ft-al"], data="digits")
    print(played)
    marked = arena.protect(model, (images, labels), scheme="uchida")
    arena.verify(marked.key, suspect)
    arena.tournament("quickstart").rows()
    arena.list_attackers()

Importing this package is cheap on purpose: what computes is imported when it is first used, from
`arena.front`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arena.front import *  # noqa: F403 - the names are those of `__all__`

__version__ = "0.1.0"
DISTRIBUTION = "copyright-arena"
"""What `pip` calls it: tells this package from others of its name."""
ROOT = Path(__file__).resolve().parents[1]
"""The folder in which `arena` lies, and what ships beside it."""

__all__ = [  # noqa: F405 - see above
    "Judged",
    "Marked",
    "Played",
    "Results",
    "Rows",
    "Verified",
    "judge",
    "list_attackers",
    "list_data",
    "list_defenders",
    "list_models",
    "list_scenarios",
    "list_threats",
    "play",
    "protect",
    "tournament",
    "verify",
]


def __getattr__(name: str) -> object:
    """Import the front door when something of it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'arena' has no attribute {name!r}")
    return getattr(import_module("arena.front"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
