"""Asking a key whether a suspect is derived from the model that it protects."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from arena.errors import ArenaError, ModelError
from arena.game.court.verdict import Verdict
from arena.game.sides.suspect import Suspect
from arena.runs.keys.folder import OwnedKey
from arena.world.models import Model, ModelCard, load_state_dict_file
from arena.world.models.formats import CHECKPOINT, SAFETENSORS, read_header, recognise
from arena.world.models.loaders import ModelFile, read_model
from arena.world.rng import Rng


def verify(owned: OwnedKey, suspect: Suspect, level: float | None = None) -> Verdict:
    """Return the verdict of a key on a suspect.

    Args:
        owned: the key.
        suspect: whom it accuses, behind an interface that says what may be seen.
        level: the p-value at which it is called a copy; None is the scheme's own.

    Raises:
        ArenaError: the level is none. RegistryError: the scheme is not installed.
    """
    scheme = owned.about.defense
    if level is not None:
        if not 0 < level < 1:
            raise ArenaError(f"expected a level between 0 and 1, found {level:g}; try 1e-6")
        scheme = dataclasses.replace(scheme, level=level)
    return scheme.verify(owned.key, suspect, Rng(0, ("verify", owned.about.commitment)))


def read_suspect(path: Path, architecture: str, card: ModelCard) -> Model:
    """Return the model in a file; a state dict is one of the protected model's architecture.

    Raises:
        ModelError: it cannot be read.
    """
    if not path.exists():
        raise ModelError(f"expected the file of a suspect, found none at {path}; check the path")
    found = recognise(path)
    bare = found == SAFETENSORS and "data" not in read_header(path)
    if not architecture and (bare or found == CHECKPOINT):
        return load_state_dict_file(path, card)
    model = read_model(ModelFile(path, "suspect", architecture), card, "weights").model
    assert model is not None  # noqa: S101 - weights were wanted
    return model
