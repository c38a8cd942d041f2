"""The registry of loaders: from a file or a folder to a model, or to what can be asked of it.

`arena.world.models.formats` says what a file is; the loader of that format reads it. A format of
one's own is registered with the ending of its files:

    @loader("a Keras file", grants="probabilities", suffixes=(".keras",))
    def read(file, form, want): ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from arena.errors import ModelError, RegistryError, ShowsLess
from arena.world.kinds.interface import Output, level
from arena.world.models.card import ModelCard
from arena.world.models.formats import UNKNOWN, recognise
from arena.world.models.model import Model

Answer = Callable[[Tensor], Tensor]
"""Images (N, *input_shape) in [0, 1] -> probabilities (N, C), both on the CPU."""


@dataclass(frozen=True)
class ModelFile:
    """A model on disk, and what a person says of it.

    Attributes:
        path: a file, or a folder.
        role: "victim", "suspect" or "model": what messages call it, and its option.
        architecture: of weights alone, `NAME` or `NAME, key = value, ...` with the network's
            arguments; `mean`, `std` and `n_classes` replace those of the data, or of the file.
    """

    path: Path
    role: str = "model"
    architecture: str = ""

    @property
    def option(self) -> str:
        """The option of a command line that names the network."""
        return "--architecture" if self.role == "model" else f"--{self.role}-architecture"

    def check(self) -> None:
        """Look whether there is such a file or folder.

        Raises:
            ModelError: there is none.
        """
        if not self.path.exists():
            raise ModelError(
                f"expected the file of a {self.role}, found none at {self.path}; check the path"
            )


@dataclass(frozen=True)
class LoadedModel:
    """A model that came in: its weights, or an interface that answers.

    Attributes:
        card: what goes in and comes out.
        grants: the most that can be read of it: "labels", "probabilities" or "weights".
        model: the model, where its weights can be read.
        answer: what it answers, where they cannot.
    """

    card: ModelCard
    grants: Output
    model: Model | None = None
    answer: Answer | None = None

    @classmethod
    def of(cls, model: Model) -> LoadedModel:
        """Return a model all of which can be read."""
        return cls(model.card, "weights", model)


Read = Callable[[ModelFile, ModelCard, Output], LoadedModel]
"""(the file, the form of the data, the level that is wanted) -> the model."""


@dataclass(frozen=True)
class Loader:
    """How files of one format are read.

    Attributes:
        format: what messages call such a file.
        grants: what is read of it unless more is asked for; most: the most that can be.
        suffixes: endings of its files, where its first bytes do not tell.
    """

    format: str
    grants: Output
    most: Output
    read: Read
    suffixes: tuple[str, ...] = ()


_LOADERS: dict[str, Loader] = {}


def loader(
    format_name: str,
    *,
    grants: Output = "weights",
    most: Output | None = None,
    suffixes: tuple[str, ...] = (),
) -> Callable[[Read], Read]:
    """Register the decorated function as the reader of a format.

    Raises:
        RegistryError: the format has a reader.
    """

    def register(read: Read) -> Read:
        if format_name in _LOADERS:
            raise RegistryError(f"{format_name} has two loaders; rename one of the formats")
        _LOADERS[format_name] = Loader(format_name, grants, most or grants, read, suffixes)
        return read

    return register


def loaders() -> Mapping[str, Loader]:
    """Return the loaders by the name of their format."""
    return MappingProxyType(_LOADERS)


def loader_of(path: Path) -> Loader:
    """Return the loader of a file or a folder.

    Raises:
        ModelError: there is nothing, it is damaged, or of a format that nothing reads.
    """
    found = recognise(path)
    if found == UNKNOWN:
        mine = [one for one in _LOADERS.values() if path.suffix in one.suffixes]
        found = mine[0].format if mine else UNKNOWN
    if found not in _LOADERS:
        readable = ", ".join(
            sorted(one.format for one in _LOADERS.values() if one.most != "nothing")
        )
        raise ModelError(
            f"{path} is no safetensors file, nor of another format that can be read ({readable}); "
            "save model.state_dict() as safetensors and name the network"
        )
    return _LOADERS[found]


def granted(path: Path) -> Output:
    """Return what a file grants unless more is asked for; raises like `loader_of`.

    Formats that are refused count as weights, so that reading them says why.
    """
    found = loader_of(path).grants
    return "weights" if found == "nothing" else found


def read_model(file: ModelFile, form: ModelCard, want: Output | None = None) -> LoadedModel:
    """Return the model in a file or a folder.

    Args:
        file: where it is, and what is said of it.
        form: the card of a model of the data: input shape, classes, normalisation.
        want: the level that is needed; by default what its format grants.

    Raises:
        ModelError: it cannot be read, or answers in another form, or grants less; of a suspect
            that grants less it is ShowsLess.
    """
    found = loader_of(file.path)
    wanted = want or found.grants
    if level(wanted) > level(found.most) and found.most != "nothing":
        refusal = ShowsLess if file.role == "suspect" else ModelError
        raise refusal(
            f"expected a {file.role} whose {wanted} can be read, found {found.format} in "
            f"{file.path}, which grants {found.most}; give the network's own weights"
        )
    loaded = found.read(file, form, wanted)
    if loaded.model is not None:
        _try(loaded.model, file)
    return loaded


@torch.no_grad()
def _try(model: Model, file: ModelFile) -> None:
    """Ask two blank inputs, so that a network that does not fit the data is found at the door."""
    expected, blank = (2, *model.kind.output_shape(model.card)), model.kind.blank(model.card)
    try:
        answer = model(torch.cat([blank, blank]))
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as error:
        reason = str(error).partition("\n")[0][:300]
        raise ModelError(
            f"{model.card.title} in {file.path} cannot take inputs of {model.card.input_shape} "
            f"({reason}); give the data that it was trained on, folder:PATH with --resize"
        ) from error
    found = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
    if found != expected:
        raise ModelError(
            f"expected outputs {expected} of {model.card.title} in {file.path}, found {found}; "
            "a classifier returns one tensor of logits"
        )
