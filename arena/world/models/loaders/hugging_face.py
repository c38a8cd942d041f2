"""Image classifiers of transformers in a folder: config.json, weights, preprocessor_config.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from arena.errors import ModelError
from arena.world.json_values import Json, Raw
from arena.world.kinds.interface import Output
from arena.world.models.card import ModelCard
from arena.world.models.formats import HUGGING_FACE, read_config
from arena.world.models.loaders.folders import folder_tensors, normalisation
from arena.world.models.loaders.registry import LoadedModel, ModelFile, loader
from arena.world.models.loaders.words import constants_in_words, with_constants
from arena.world.models.model import restore
from arena.world.models.nets.foreign.hugging_face import network_of, plain_config, quiet

_PREFIX = "body.network."  # of the names of a network of transformers in a `Model`


@loader(HUGGING_FACE)
def read_hugging_face(file: ModelFile, form: ModelCard, want: Output) -> LoadedModel:
    """Return the model in a folder; transformers maps the names of older versions.

    The normalisation is that of preprocessor_config.json, where there is one, else the data's.

    Raises:
        ModelError: it is no image classifier of transformers, or its weights are not its own.
    """
    settings = read_config(file.path)
    card = _card(file.path, settings, form)
    if file.architecture:
        card = constants_in_words(file.architecture, card)
    with torch.random.fork_rng(devices=[]):  # initial weights that are replaced
        network = network_of(str(settings["model_type"]), settings, card.n_classes)
    state = mapped(file.path, network)
    return LoadedModel.of(restore(card, {_PREFIX + name: value for name, value in state.items()}))


def _card(folder: Path, settings: Mapping[str, Raw], form: ModelCard) -> ModelCard:
    n_classes = _n_classes(settings)
    fields: dict[str, Json] = {
        "architecture": f"huggingface:{settings['model_type']}",
        "arguments": {"config": plain_config(settings)},
        "n_classes": form.n_classes if n_classes is None else n_classes,
    }
    card = ModelCard.read(form.plain() | fields)
    images = read_config(folder, "preprocessor_config.json")
    if images.get("do_normalize") is False:
        return with_constants(card, {"mean": 0.0, "std": 1.0})
    return with_constants(card, normalisation(images, "image_mean", "image_std"))


def _n_classes(settings: Mapping[str, Raw]) -> int | None:
    """Return how many classes the settings name; None where they leave it at the default."""
    named = settings.get("id2label")
    if isinstance(named, dict) and named:
        return len(named)
    found = settings.get("num_labels")
    return found if isinstance(found, int) else None


def mapped(folder: Path, network: Any) -> dict[str, Tensor]:
    """Return the weights in a folder under the names of transformers' network as it is today.

    Args:
        folder: of the model.
        network: of the same settings, for its class and these; its weights are not looked at.

    Raises:
        ModelError: some are missing, superfluous or of another shape.
    """
    tensors = folder_tensors(folder)
    with quiet():
        try:
            made, told = type(network).from_pretrained(
                None,
                config=network.config,
                state_dict=tensors,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are told, and refused below
            )
        except Exception as error:  # the library raises anything over a stranger's tensors
            reason = f"{type(error).__name__}: {error}".partition("\n")[0][:300]
            raise ModelError(f"{folder} cannot be read by transformers ({reason})") from error
    _check_whole(folder, told)
    state: dict[str, Tensor] = made.float().state_dict()
    return state


def _check_whole(folder: Path, told: Mapping[str, Any]) -> None:
    kinds = ("missing", "unexpected", "mismatched")
    faults = {kind: sorted(map(str, told.get(f"{kind}_keys", ()))) for kind in kinds}
    said = [f"{kind} are {', '.join(names[:5])}" for kind, names in faults.items() if names]
    if said:
        raise ModelError(
            f"the weights in {folder} are not those of its config.json: {'; '.join(said)}; "
            "save model and config together with save_pretrained"
        )
