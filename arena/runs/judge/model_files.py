"""Models that a person brings: read from files, checked against the task, never unpickled."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arena.errors import ModelError
from arena.world.json_values import Json
from arena.world.models import Model, ModelCard, load_model, load_state_dict_file
from arena.world.models.formats import CHECKPOINT, foreign_format, read_header
from arena.world.models.registry import fit_of
from arena.world.task import Task

_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class ModelFile:
    """A model on disk.

    Attributes:
        path: a file of `save_model`, or a plain state dict (.safetensors, .pt, .pth).
        role: "victim" or "suspect".
        architecture: of a state dict, `NAME` or `NAME, key = value, ...` with the architecture's
            arguments, and `mean`, `std` and `n_classes` (by default those of the data).
    """

    path: Path
    role: str
    architecture: str = ""

    def check(self) -> None:
        """Look whether there is such a file.

        Raises:
            ModelError: there is none.
        """
        if not self.path.is_file():
            raise ModelError(
                f"expected the file of a {self.role}, found none at {self.path}; check the path"
            )


def card_in_words(words: str, like: ModelCard) -> ModelCard:
    """Return the card that an architecture in words means; what they leave open is as in `like`.

    Raises:
        ModelError: the words cannot be read, or the values are not those of a card.
    """
    name, _, rest = (part.strip() for part in words.partition(","))
    try:
        arguments: dict[str, Json] = tomllib.loads(f"x = {{ {rest} }}")["x"]
    except tomllib.TOMLDecodeError as error:
        raise ModelError(
            f"expected an architecture like 'lenet5' or 'lenet5, norm = \"batch\"', found "
            f"{words!r} ({error})"
        ) from error
    fields = like.plain() | {"architecture": name}
    for constant in ("mean", "std", "n_classes"):
        if constant in arguments:
            value = arguments.pop(constant)
            whole = isinstance(value, list) or constant == "n_classes"
            fields[constant] = value if whole else [value]
    return ModelCard.read(fields | {"arguments": arguments})


def load_exhibit(file: ModelFile, task: Task) -> Model:
    """Return the model in a file.

    Raises:
        ModelError: the file is of a format that can carry code, or says not what it is a model of,
            or is damaged, or holds other tensors than its architecture has.
    """
    path, option = file.path, f"--{file.role}-architecture"
    found = foreign_format(path)
    if found and found != CHECKPOINT:
        raise ModelError(
            f"{path} is {found}, whose loader can run code from the file, and is refused; "
            f"torch.save(model.state_dict(), ...) and name the network with {option}"
        )
    if file.architecture:
        return load_state_dict_file(path, card_in_words(file.architecture, task.card))
    if found or "data" not in read_header(path):
        raise ModelError(
            f"expected a model with a card, found {found or 'tensors alone'} in {path}; name the "
            f"network that it is of with {option} (`arena list models`)"
        )
    return load_model(path)


def check_victim(victim: Model, task: Task) -> None:
    """Refuse a victim that is not a model for the data, or that tests cannot be grown on.

    Raises:
        ModelError: it takes other inputs, tells another number of classes apart, or has no
            gradients.
    """
    card, data = victim.card, task.card
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
