"""Formats that are refused, each with its way out: most, as their loaders can run code."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from arena.errors import ModelError
from arena.world.kinds.interface import Output
from arena.world.models.card import ModelCard
from arena.world.models.formats import GGUF, JOBLIB, PICKLE, PT2, TORCHSCRIPT, recognise
from arena.world.models.loaders.registry import LoadedModel, ModelFile, loader

_STATE = "torch.save(model.state_dict(), ...) and name the network with {option}"
_WAYS_OUT: Mapping[str, str] = MappingProxyType(
    {
        TORCHSCRIPT: _STATE,
        PT2: _STATE,
        PICKLE: _STATE + "; of scikit-learn's models, skops.io.dump(model, 'model.skops')",
        JOBLIB: "skops.io.dump(model, 'model.skops') writes a file that can be read",
    }
)


def _refuse(file: ModelFile, form: ModelCard, want: Output) -> LoadedModel:
    found = recognise(file.path)
    raise ModelError(
        f"{file.path} is {found}, whose loader can run code from the file, and is refused; "
        + _WAYS_OUT[found].format(option=file.option)
    )


@loader(GGUF, grants="nothing")
def refuse_language(file: ModelFile, form: ModelCard, want: Output) -> LoadedModel:
    """Refuse a model of language, which is no answer to images."""
    raise ModelError(
        f"expected an image classifier, found {GGUF} in {file.path}, a model of language; these "
        'play in scenarios: [task] model = "pretrained:PATH"'
    )


for _format in _WAYS_OUT:
    loader(_format, grants="nothing")(_refuse)
