"""Any model comes in: one registry of loaders, each of which says what it grants."""

from arena.world.models.loaders import (  # noqa: F401 - they register
    hugging_face,
    onnx_files,
    own_files,
    refused,
    skops_files,
    timm_folders,
)
from arena.world.models.loaders.answers import Asked, of_callable, of_endpoint
from arena.world.models.loaders.registry import (
    LoadedModel,
    Loader,
    ModelFile,
    loader,
    loaders,
    read_model,
)
from arena.world.models.loaders.words import card_in_words

__all__ = [
    "Asked",
    "LoadedModel",
    "Loader",
    "ModelFile",
    "card_in_words",
    "loader",
    "loaders",
    "of_callable",
    "of_endpoint",
    "read_model",
]
