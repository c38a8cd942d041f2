"""Image classifiers of the library transformers, as `huggingface:<model type>`.

A card holds the settings that shape the network. transformers (extra `models`) is imported when a
first such model is built; nothing is ever downloaded, and no code but the library's own is run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any

from torch import Tensor, nn

from arena.errors import ModelError, did_you_mean
from arena.world.json_values import Json
from arena.world.models.registry import Builder, family

_NONE: Mapping[str, Json] = MappingProxyType({})
_ELSEWHERE = ("quantization_config", "backbone", "backbone_config", "use_timm_backbone")
_UNUSED = (  # of how a file was written, of its labels, and of code that lies beside it
    "auto_map", "attn_implementation", "dtype", "torch_dtype", "transformers_version",
    "id2label", "label2id", "num_labels", "problem_type", "return_dict", "use_return_dict",
    "output_attentions", "output_hidden_states", "torchscript", "name_or_path", "custom_pipelines",
)  # fmt: skip


class ImageClassifier(nn.Module):
    """A network of transformers that returns its logits alone: (B, C, H, W) -> (B, n_classes)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (B, n_classes)."""
        logits: Tensor = self.network(pixel_values=x).logits
        return logits


@family("huggingface")
def hugging_face_builder(model_type: str) -> Builder:
    """Return the builder of transformers' image classifiers of a type, `vit` or `resnet` say.

    Raises:
        ModelError: transformers cannot be imported, or has no image classifier of that type.
    """
    _check(model_type)

    def build(
        shape: tuple[int, ...], n_classes: int, *, config: Mapping[str, Json] = _NONE
    ) -> nn.Module:
        return ImageClassifier(network_of(model_type, config, n_classes))

    return build


def plain_config(config: Mapping[str, Json]) -> dict[str, Json]:
    """Return the settings that shape a network, without what names code, labels or files.

    Raises:
        ModelError: the network is quantised, or a part of it is a network that lies elsewhere.
    """
    elsewhere = [key for key in _ELSEWHERE if config.get(key)]
    if elsewhere:
        raise ModelError(
            f"expected a whole network in float, found one with {elsewhere[0]}; save it without"
        )
    return {
        key: value
        for key, value in config.items()
        if not key.startswith("_") and key not in _UNUSED and key != "model_type"
    }


def network_of(model_type: str, config: Mapping[str, Json], n_classes: int) -> Any:
    """Return transformers' own network, with initial weights.

    Raises:
        ModelError: there is no such network, or the settings are not its own.
    """
    _check(model_type)
    library = transformers()
    settings = plain_config(config) | {"num_labels": n_classes}
    try:
        made = library.AutoConfig.for_model(model_type, **settings)
        return library.AutoModelForImageClassification.from_config(
            made, attn_implementation="eager", trust_remote_code=False
        )
    except Exception as error:  # the library checks settings in many ways, and raises anything
        reason = f"{type(error).__name__}: {error}".partition("\n")[0][:300]
        raise ModelError(f"huggingface:{model_type} cannot be built ({reason})") from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' bars and warnings off the screen; what is wrong is said by us."""
    logs = transformers().utils.logging
    verbosity, bars = logs.get_verbosity(), logs.is_progress_bar_enabled()
    logs.set_verbosity_error()
    logs.disable_progress_bar()
    try:
        yield
    finally:
        logs.set_verbosity(verbosity)
        if bars:
            logs.enable_progress_bar()


def transformers(extra: str = "models") -> ModuleType:
    """Return the library.

    Args:
        extra: of this package, that brings it.

    Raises:
        ModelError: it is not installed, or does not import.
    """
    try:
        return import_module("transformers")
    except ImportError as error:
        raise ModelError(
            f"expected the library transformers for a Hugging Face model, found none ({error}); "
            f"try pip install 'copyright-arena[{extra}]'"
        ) from error


def _check(model_type: str) -> None:
    transformers()
    auto = import_module("transformers.models.auto.modeling_auto")
    known = auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES
    if model_type in auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and model_type not in known:
        raise ModelError(
            f"expected an image classifier, found the type {model_type!r}, a model of language; "
            'these play in scenarios: [task] model = "pretrained:PATH"'
        )
    if model_type not in known:
        raise ModelError(
            f"transformers has no image classifier of the type {model_type!r}"
            f"{did_you_mean(model_type, known)}"
        )
