"""Causal models of language of the library transformers, as `causal:<model type>`.

As for image classifiers, a card holds the settings that shape the network; nothing is downloaded
and no code but the library's own is run.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

from arena.errors import ModelError, did_you_mean
from arena.world.json_values import Json
from arena.world.models.nets.foreign.hugging_face import plain_config, transformers
from arena.world.models.registry import Builder, family

EXTRA = "language"
_NONE: Mapping[str, Json] = MappingProxyType({})


class Causal(nn.Module):
    """A network of transformers that returns its logits alone: tokens (B, T) -> (B, T, V)."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        taken = inspect.signature(network.forward).parameters
        self._past = "cache" if "cache" in taken else "past_key_values"  # newer name, older name

    def forward(self, tokens: Tensor, past: object = None) -> Tensor:
        """Return logits; with a `past`, tokens are those behind it, and become part of it."""
        carried = {self._past: past, "use_cache": past is not None}
        logits: Tensor = self.network(input_ids=tokens, **carried).logits
        return logits

    def past(self) -> object:
        """Return keys and values of no tokens."""
        return transformers(EXTRA).DynamicCache(config=self.network.config)


@family("causal", kind="language")
def causal_builder(model_type: str) -> Builder:
    """Return the builder of transformers' causal models of a type, `llama` or `gpt2` say.

    Raises:
        ModelError: transformers cannot be imported, or has no causal model of that type.
    """
    check_causal(model_type)

    def build(
        shape: tuple[int, ...], vocabulary: int, *, config: Mapping[str, Json] = _NONE
    ) -> nn.Module:
        return Causal(causal_network(model_type, {**config, "vocab_size": vocabulary}))

    return build


def causal_network(model_type: str, config: Mapping[str, Json]) -> Any:
    """Return transformers' own network, with initial weights.

    Raises:
        ModelError: there is no such network, or the settings are not its own.
    """
    check_causal(model_type)
    library = transformers(EXTRA)
    try:
        made = library.AutoConfig.for_model(model_type, **plain_config(config))
        return library.AutoModelForCausalLM.from_config(made, trust_remote_code=False)
    except Exception as error:  # the library checks settings in many ways, and raises anything
        reason = f"{type(error).__name__}: {error}".partition("\n")[0][:300]
        raise ModelError(f"causal:{model_type} cannot be built ({reason})") from error


def check_causal(model_type: str, classes: object = None) -> None:
    """Refuse a type that is no causal model.

    Args:
        model_type: as config.json names it.
        classes: what the weights were saved from, `architectures` there, where that is said.

    Raises:
        ModelError: it is none, or the weights are of another network of that type.
    """
    known = causal_types()
    if model_type not in known:
        raise ModelError(
            f"transformers has no causal model of language of the type {model_type!r}"
            f"{did_you_mean(model_type, known)}; code that lies beside a model is not run"
        )
    if isinstance(classes, list) and classes and known[model_type] not in classes:
        raise ModelError(
            f"expected a causal model of language, {known[model_type]}, found {classes[0]}, which "
            "does not write; take a model that does"
        )


def causal_types() -> Mapping[str, str]:
    """Return the classes of transformers' causal models by their type."""
    transformers(EXTRA)
    auto = import_module("transformers.models.auto.modeling_auto")
    return dict(auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
