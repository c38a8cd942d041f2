"""Classifiers of timm in a folder, as its `save_for_hf` writes them: config.json and weights."""

from __future__ import annotations

from arena.errors import ModelError
from arena.world.json_values import Json
from arena.world.kinds.interface import Output
from arena.world.models.card import ModelCard
from arena.world.models.formats import TIMM, read_config
from arena.world.models.loaders.folders import folder_tensors, normalisation
from arena.world.models.loaders.registry import LoadedModel, ModelFile, loader
from arena.world.models.loaders.words import constants_in_words, with_constants
from arena.world.models.model import restore
from arena.world.models.state_dicts import BODY


@loader(TIMM)
def read_timm(file: ModelFile, form: ModelCard, want: Output) -> LoadedModel:
    """Return the model in a folder, normalised as its pretrained_cfg says, else as the data.

    Raises:
        ModelError: timm has no such model, or the weights are not its own.
    """
    settings = read_config(file.path)
    arguments = settings.get("model_args") or {}
    if not isinstance(arguments, dict):
        raise ModelError(f"expected model_args to be a table in {file.path}, found another value")
    fields: dict[str, Json] = {
        "architecture": f"timm:{str(settings['architecture']).partition('.')[0]}",
        "arguments": {"arguments": arguments} if arguments else {},
        "n_classes": settings.get("num_classes", form.n_classes),
    }
    card = ModelCard.read(form.plain() | fields)
    trained = settings.get("pretrained_cfg")
    if isinstance(trained, dict):
        card = with_constants(card, normalisation(trained, "mean", "std"))
    if file.architecture:
        card = constants_in_words(file.architecture, card)
    tensors = folder_tensors(file.path)
    return LoadedModel.of(restore(card, {BODY + name: value for name, value in tensors.items()}))
