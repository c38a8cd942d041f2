"""A stranger's file, and what plays with it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from arena.game.sandbox.admit import admit
from arena.game.sandbox.cell import Cell
from arena.game.sandbox.jail.bubblewrap import missing
from arena.game.sandbox.players_file import PlayersFile, close_readers

needs_sandbox = pytest.mark.skipif(bool(missing()), reason=missing() or "there is one")

STRANGERS = '''
"""Honest players of a stranger, and one that looks round."""
import os, socket, sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from arena.game import Access, Attack, Defense, Deliverable, Key, Protected, ThreatModel, Verdict
from arena.game import attack, defense
from arena.game.sides.player import Dial


@attack("stranger-scales")
@dataclass(frozen=True, kw_only=True)
class Scales(Attack):
    """Scales every weight."""

    needs = ThreatModel(output="weights")
    dial: ClassVar = Dial("factor", 1.0, 0.0)
    factor: float = 0.5

    def run(self, access, rng):
        model = access.model()
        for tensor in model.parameters():
            tensor.data.mul_(self.factor)
        return Deliverable(model)


@attack("stranger-looks")
@dataclass(frozen=True, kw_only=True)
class Looks(Attack):
    """Says what it sees of the machine."""

    needs = ThreatModel(output="weights")
    secret: str = ""

    def run(self, access, rng):
        import sklearn.datasets
        seen = {
            "env": sorted(os.environ),
            "secret": any(self.secret in text for text in environments()),
            "digits": os.listdir(Path(sklearn.datasets.__file__).parent / "data"),
            "here": os.path.exists(self.secret),
            "path": list(rng.path),
            "planted": [folder for folder in FOLDERS if plants(folder)],
        }
        raise RuntimeError(repr(seen))


FOLDERS = ("/", "/dev", "/usr", os.path.dirname(os.__file__))


def plants(folder):
    try:
        Path(folder, "planted").write_text("x")
    except OSError:
        return False
    return True


def environments():
    for process in Path("/proc").glob("[0-9]*/environ"):
        try:
            yield process.read_text(errors="replace")
        except OSError:
            pass


@defense("stranger-stamp")
@dataclass(frozen=True, kw_only=True)
class Stamp(Defense):
    """Remembers a weight, and counts in its key what it examined."""

    protocol: str = "none"

    def protect(self, task, rng):
        model = task.trained()
        name, tensor = next(iter(model.state_dict().items()))
        settings = {"name": name, "exam": 0 if task.exam is None else len(task.exam)}
        return Protected(model, Key("stranger-stamp", "ab", settings, {"w": tensor.clone()}))

    def examine(self, key, suspect, rng):
        found = suspect.model().state_dict()[key.settings["name"]]
        same = torch.equal(found, key.tensors["w"])
        key.tensors["w"].add_(1)
        return Verdict(same, 1e-9 if same else 1.0, float(same), 0.5, "same", "high", "is it?",
                       figures={"n": np.int64(3), "path": list(rng.path)})
'''


@pytest.fixture(scope="session")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlayersFile]:
    """The file, admitted."""
    path = tmp_path_factory.mktemp("strangers") / "strangers_file.py"
    path.write_text(STRANGERS)
    os.chmod(path, 0o600)
    yield admit(path, Cell(wall_s=300))
    close_readers()
