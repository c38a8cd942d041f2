"""Models that a person brings: read from files, checked against the task, never unpickled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from arena.errors import ModelError
from arena.game.sides.suspect import Suspect
from arena.world.kinds.interface import Output, level
from arena.world.models import Model, load_model
from arena.world.models.loaders import (
    Asked,
    LoadedModel,
    ModelFile,
    of_callable,
    read_model,
)
from arena.world.models.registry import fit_of
from arena.world.task import Task

__all__ = [
    "ModelFile",
    "check_suspect",
    "check_victim",
    "given_innocents",
    "load_exhibit",
    "load_suspect",
    "suspect_of",
]

_SUFFIX = ".safetensors"


def load_exhibit(file: ModelFile, task: Task) -> Model:
    """Return the model in a file or a folder, whose weights can be read.

    Raises:
        ModelError: it is of a format that can carry code or whose weights cannot be read, or says
            not what it is a model of, or is damaged, or holds other tensors than its architecture.
    """
    model = read_model(file, task.card, "weights").model
    assert model is not None  # noqa: S101 - weights were wanted
    return model


def load_suspect(
    source: ModelFile | Asked, victim: Model, task: Task, access: Output
) -> LoadedModel:
    """Return the model in a file, a folder or a function, of which `access` can be seen.

    Raises:
        ModelError: it cannot be read, or not so much of it, or no test can be shown to it.
    """
    if isinstance(source, Asked):
        loaded = of_callable(source.ask, victim.card, source.name)
    else:
        loaded = read_model(source, task.card, access if access == "weights" else None)
    if level(access) > level(loaded.grants):
        raise ModelError(
            f"expected a suspect that answers {access}, found {loaded.card.title}, which answers "
            f"{loaded.grants}; try --access {loaded.grants}"
        )
    if loaded.model is not None:
        check_suspect(loaded.model, victim, outputs_only=access != "weights")
    return loaded


def suspect_of(loaded: LoadedModel, task: Task, access: Output) -> Suspect:
    """Return a model that came in as a suspect behind an interface that shows `access`."""
    if loaded.model is not None:
        return Suspect.bare(loaded.model, task.compute, access)
    assert loaded.answer is not None  # noqa: S101 - what has no weights answers
    return Suspect(loaded.answer, access, loaded.card, task.compute)


def check_victim(victim: Model, task: Task) -> None:
    """Refuse a victim that is not a model for the data, or that tests cannot be grown on.

    Raises:
        ModelError: it tells no classes apart, or another number of them, takes other inputs, or
            has no gradients.
    """
    card, data = victim.card, task.card
    if card.kind != "classifier":
        raise ModelError(
            f"expected a classifier to judge by its answers, found a {card.kind} model; mark it by "
            "`arena protect`, and ask its key by `arena verify`"
        )
    if (card.input_shape, card.n_classes) != (data.input_shape, data.n_classes):
        raise ModelError(
            f"expected a victim for {task.spec.data} (inputs {data.input_shape}, {data.n_classes} "
            f"classes), found one of inputs {card.input_shape} and {card.n_classes} classes; "
            "try the --data that it was trained on"
        )
    if fit_of(card.architecture) is not None:
        raise ModelError(
            f"expected a victim with gradients to grow tests along, found a {card.title}; "
            "judge a neural network"
        )


def check_suspect(suspect: Model, victim: Model, *, outputs_only: bool) -> None:
    """Refuse a suspect that no test of the victim can be shown to.

    Args:
        suspect: the suspect.
        victim: the victim.
        outputs_only: whether answers are all that is compared: they need the same classes.

    Raises:
        ModelError: it takes other inputs, or answers for another number of classes.
    """
    theirs, mine = suspect.card, victim.card
    if theirs.input_shape != mine.input_shape:
        raise ModelError(
            f"expected a suspect for inputs {mine.input_shape} as the victim takes, found "
            f"{theirs.input_shape}; judge a model of the same task"
        )
    if outputs_only and theirs.n_classes != mine.n_classes:
        raise ModelError(
            f"expected a suspect of {mine.n_classes} classes as the victim has, found "
            f"{theirs.n_classes}; try --access weights, which compares hidden layers"
        )


def given_innocents(folder: Path, victim: Model, least: int) -> Sequence[Model]:
    """Return the models in a folder, in the order of their names.

    Raises:
        ModelError: there are too few, one cannot be read or compared, or one is the victim.
    """
    paths = sorted(folder.glob(f"*{_SUFFIX}")) if folder.is_dir() else []
    if len(paths) < least:
        raise ModelError(
            f"expected a folder with at least {least} innocents ({_SUFFIX} files of save_model) "
            f"for a bound, found {len(paths)} in {folder}; add some, or give a number to train"
        )
    return [_innocent(path, victim) for path in paths]


def _innocent(path: Path, victim: Model) -> Model:
    model = load_model(path)
    theirs, mine = model.card, victim.card
    if (theirs.input_shape, theirs.n_classes) != (mine.input_shape, mine.n_classes):
        raise ModelError(
            f"expected innocents of inputs {mine.input_shape} and {mine.n_classes} classes, found "
            f"{theirs.input_shape} and {theirs.n_classes} in {path}; take it out of the folder"
        )
    if model.digest() == victim.digest():
        raise ModelError(
            f"expected innocents, found the victim itself in {path}; take it out of the folder"
        )
    return model
