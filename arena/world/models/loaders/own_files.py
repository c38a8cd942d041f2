"""Weights in safetensors files and checkpoints: with a card, or of a network that is named."""

from __future__ import annotations

from arena.errors import ModelError
from arena.world.kinds.interface import Output
from arena.world.models.card import ModelCard
from arena.world.models.files import load_model, load_state_dict_file
from arena.world.models.formats import CHECKPOINT, SAFETENSORS, read_header
from arena.world.models.loaders.registry import LoadedModel, ModelFile, loader
from arena.world.models.loaders.words import card_in_words


@loader(SAFETENSORS)
def read_safetensors(file: ModelFile, form: ModelCard, want: Output) -> LoadedModel:
    """Return the model of a card, or of the network that a person names.

    Raises:
        ModelError: there is no card and no name, or the tensors are not those of the network.
    """
    if file.architecture:
        return _named(file, form)
    if "data" not in read_header(file.path):
        raise _nameless(file, "tensors alone")
    return LoadedModel.of(load_model(file.path))


@loader(CHECKPOINT)
def read_checkpoint(file: ModelFile, form: ModelCard, want: Output) -> LoadedModel:
    """Return the model of a network that a person names; raises like `read_safetensors`."""
    if not file.architecture:
        raise _nameless(file, CHECKPOINT)
    return _named(file, form)


def _named(file: ModelFile, form: ModelCard) -> LoadedModel:
    card = card_in_words(file.architecture, form)
    try:
        return LoadedModel.of(load_state_dict_file(file.path, card))
    except ModelError:
        if _fits_in_colour(file, card):
            raise ModelError(
                f"{file.path} is a model of colour images, found grey data; read them as "
                "torchvision's ImageFolder does: --data 'folder:PATH?channels=3'"
            ) from None
        raise


def _fits_in_colour(file: ModelFile, card: ModelCard) -> bool:
    """Tell whether weights that do not fit grey images fit the same in colour."""
    if len(card.input_shape) != 3 or card.input_shape[0] != 1:
        return False
    colour = card.model_copy(update={"input_shape": (3, *card.input_shape[1:])})
    try:
        load_state_dict_file(file.path, colour)
    except ModelError:
        return False
    return True


def _nameless(file: ModelFile, found: str) -> ModelError:
    return ModelError(
        f"expected a model with a card, found {found} in {file.path}; name the "
        f"network that it is of with {file.option} (`arena list models`)"
    )
