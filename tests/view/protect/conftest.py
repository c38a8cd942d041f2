"""A person's files: a model, protected by the command, and models to accuse."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from arena.view.cli import main
from arena.world.models import Model, save_model

FAST = ("--set", "strength=0.3", "--epochs=12", "--innocents=2", "--innocent-epochs=1")


def call(*words: str | Path) -> int:
    """Run the command line in this process, and return its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["arena", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


@pytest.fixture(scope="session")
def own(_trained: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `mine.safetensors`, and `protected`, which the command made of it."""
    folder = tmp_path_factory.mktemp("own")
    save_model(_trained, folder / "mine.safetensors")
    (folder / "secret.txt").write_text("six blind mice\n")
    out, closed = f"--out={folder / 'protected'}", f"--passphrase-file={folder / 'secret.txt'}"
    assert not call("protect", folder / "mine.safetensors", "--data=digits", *FAST, out, closed)
    return folder
