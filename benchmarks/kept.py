"""What a long benchmark has made: each thing is made when it is first asked for, and kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from arena.world.bundle import Bundle
from benchmarks.common import say


class Kept:
    """A folder of bundles by name; several processes may fill it at the same time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def of(self, name: str, make: Callable[[], Bundle]) -> Bundle:
        """Return what is kept under a name; it is made first where there is nothing."""
        path = self.folder / f"{name}.safetensors"
        if not path.is_file():
            made = make().to_bytes()
            path.with_suffix(".part").write_bytes(made)
            path.with_suffix(".part").rename(path)
            say(f"made {name}")
        return Bundle.from_bytes(path.read_bytes())
