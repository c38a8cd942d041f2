"""Asking a key whether a suspect is derived from the model that it protects."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from arena.errors import ArenaError, ModelError, ShowsLess
from arena.game.court.verdict import Verdict
from arena.game.sides.suspect import Suspect
from arena.runs.keys.folder import About, OwnedKey
from arena.world.compute import Compute
from arena.world.kinds.interface import Output
from arena.world.models import Model, load_state_dict_file
from arena.world.models.formats import CHECKPOINT, SAFETENSORS, read_header, recognise
from arena.world.models.loaders import LoadedModel, ModelFile, read_model
from arena.world.models.loaders.answers import Ask, of_callable, of_endpoint
from arena.world.remote.endpoint import Endpoint
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


def read_suspect(path: Path, architecture: str, about: About) -> LoadedModel:
    """Return the suspect in a file: its weights, or what it answers where a key asks no more.

    Weights alone are those of the protected model's architecture, unless another is named.

    Raises:
        ModelError: it cannot be read. ShowsLess: it grants less than the key reads.
    """
    if not path.exists():
        raise ModelError(f"expected the file of a suspect, found none at {path}; check the path")
    found = recognise(path)
    bare = found == SAFETENSORS and "data" not in read_header(path)
    if not architecture and (bare or found == CHECKPOINT):
        return LoadedModel.of(load_state_dict_file(path, about.card))
    want: Output | None = "weights" if about.defense.reads == "weights" else None
    return read_model(ModelFile(path, "suspect", architecture), about.card, want)


def answering_suspect(source: Endpoint | Ask, about: About, want: Output) -> LoadedModel:
    """Return a suspect of whom only answers are seen, behind a URL or a Python function.

    Args:
        source: what answers images like those of the protected model.
        about: what the key is of.
        want: of a URL, `labels` or `probabilities`.

    Raises:
        ShowsLess: the key reads weights. ModelError: the function answers in another form.
    """
    if about.defense.reads == "weights":
        raise ShowsLess(
            f"expected weights, as {about.scheme.name!r} reads them, found a suspect that only "
            "answers; give the file of its model"
        )
    if isinstance(source, Endpoint):
        return of_endpoint(source, about.card, want)
    return of_callable(source, about.card)


def suspect_of(loaded: LoadedModel, compute: Compute) -> Suspect:
    """Return a model that came in as a suspect behind an interface that shows all it grants."""
    if loaded.model is not None:
        return Suspect.bare(loaded.model, compute)
    assert loaded.answer is not None  # noqa: S101 - what has no weights answers
    return Suspect(loaded.answer, loaded.grants, loaded.card, compute)


def read_victim(path: Path, architecture: str, about: About) -> Model:
    """Return the protected model in a file, whose weights can be read; raises like the above.

    Raises:
        ModelError: its weights cannot be read.
    """
    model = read_suspect(path, architecture, about).model
    if model is None:
        raise ModelError(f"expected the weights of the protected model, found none in {path}")
    return model
