"""Layers by their role: found by running the model, never by their position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from arena.errors import NotComparable
from arena.world.models.calls import heard, module_of
from arena.world.models.model import Model

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
RECURRENT = (nn.LSTM, nn.GRU)
WEIGHTED = (*CONVOLUTIONS, nn.Linear, nn.Embedding, *RECURRENT)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm)
_ANY_NORM = (*NORMS, nn.LayerNorm, nn.InstanceNorm2d)
_ACTIVATIONS = (
    nn.ReLU, nn.LeakyReLU, nn.ReLU6, nn.Hardswish, nn.SiLU, nn.GELU, nn.Tanh, nn.Sigmoid, nn.ELU,
    nn.SELU, nn.CELU, nn.Softplus, nn.Mish, nn.PReLU,
)  # fmt: skip
_ACTIVATION_WORDS = ("relu", "gelu", "silu", "swish", "mish")


class _Call(NamedTuple):
    """One run of a leaf module; its tensors are kept, so that what is one tensor stays one."""

    name: str  # of the call
    module: nn.Module
    inputs: tuple[object, ...]
    output: object


def _calls(model: nn.Module, input_shape: tuple[int, ...]) -> list[_Call]:
    """Return the runs of leaf modules in one forward pass, in order."""
    order: list[_Call] = []

    def note(name: str, module: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        order.append(_Call(name, module, inputs, output))

    leaves = {n: m for n, m in model.named_modules() if next(m.children(), None) is None}
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    training = model.training
    try:
        with torch.no_grad(), heard(model, leaves, note):
            model.eval()(_blank(model, input_shape).to(device))
    finally:
        model.train(training)
    return order


def _blank(model: nn.Module, input_shape: tuple[int, ...]) -> Tensor:
    if isinstance(model, Model):
        return model.kind.blank(model.card)
    return torch.zeros(1, *input_shape)


def executed(model: nn.Module, input_shape: tuple[int, ...]) -> list[tuple[str, nn.Module]]:
    """Return the leaf modules in the order in which one forward pass runs them."""
    return [(module_of(call.name), call.module) for call in _calls(model, input_shape)]


def calls(model: nn.Module, input_shape: tuple[int, ...]) -> list[str]:
    """Return the names of the calls of leaf modules in one forward pass, in order."""
    return [call.name for call in _calls(model, input_shape)]


def normalised(model: nn.Module, input_shape: tuple[int, ...]) -> dict[str, str]:
    """Return convolutions and the batch normalisation that reads the output of each, in order.

    Each runs once: a normalisation that several convolutions share is that of none of them, nor is
    one behind a sum or a concatenation, though it may be what runs next.
    """
    return dict(_pairs(_calls(model, input_shape)))


def _pairs(calls: list[_Call]) -> Iterator[tuple[str, str]]:
    n_runs = Counter(module_of(call.name) for call in calls)
    makers: dict[int, _Call] = {}  # of each tensor by its identity
    for call in calls:
        maker = makers.get(id(call.inputs[0])) if call.inputs else None
        makers[id(call.output)] = call  # a layer that works in place makes its input anew
        if maker is None or n_runs[module_of(maker.name)] > 1:
            continue
        if n_runs[module_of(call.name)] > 1:
            continue
        if isinstance(maker.module, CONVOLUTIONS) and isinstance(call.module, nn.BatchNorm2d):
            yield maker.name, call.name


def weighted(model: nn.Module, input_shape: tuple[int, ...]) -> list[str]:
    """Return the names of the layers that carry what was learnt, in order of execution.

    Those are convolutions (transposed ones too), linear, embedding and recurrent layers.
    """
    return [name for name, m in executed(model, input_shape) if isinstance(m, WEIGHTED)]


def convolutions(model: nn.Module, input_shape: tuple[int, ...]) -> list[str]:
    """Return the names of the convolutions, transposed ones too, in order of execution."""
    return [name for name, m in executed(model, input_shape) if isinstance(m, CONVOLUTIONS)]


def head(model: nn.Module, input_shape: tuple[int, ...]) -> str:
    """Return the name of the last linear layer that runs: the classifier's head.

    Raises:
        NotComparable: the model has no linear layer.
    """
    linear = [name for name, m in executed(model, input_shape) if isinstance(m, nn.Linear)]
    if not linear:
        raise NotComparable("expected a model that ends in a linear layer, found none")
    return linear[-1]


def last(model: nn.Module, input_shape: tuple[int, ...]) -> str:
    """Return the name of the last layer with weights that runs.

    Raises:
        NotComparable: no layer has any.
    """
    names = weighted(model, input_shape)
    if not names:
        raise NotComparable("expected a model with layers that have weights, found none")
    return names[-1]


def activations(model: nn.Module, input_shape: tuple[int, ...]) -> list[str]:
    """Return the hidden activation functions (ReLU and its kin) in order, a name for each call.

    Those of other libraries are known by the names of their classes. Where a network has none as
    modules (it calls functions), what its normalisations put out stands for them, and where it has
    none of these, what its layers with weights do, but the last.
    """
    order = _calls(model, input_shape)
    found = [call.name for call in order if _is_activation(call.module)]
    if found:
        return found
    norms = [call.name for call in order if isinstance(call.module, _ANY_NORM)]
    return norms or [call.name for call in order if isinstance(call.module, WEIGHTED)][:-1]


def _is_activation(module: nn.Module) -> bool:
    if isinstance(module, _ACTIVATIONS):
        return True
    own = next(module.parameters(), None) is not None
    return not own and any(word in type(module).__name__.lower() for word in _ACTIVATION_WORDS)


def weight_of(module: nn.Module | None) -> Tensor | None:
    """Return what counts as a layer's weights; None where it has none.

    A recurrent layer's are those from hidden state to hidden state of its first level, (G * H, H)
    with G gates.
    """
    name = "weight_hh_l0" if isinstance(module, RECURRENT) else "weight"
    tensor = getattr(module, name, None)
    return tensor if isinstance(tensor, Tensor) else None


def weight(model: nn.Module, layer: str) -> Tensor:
    """Return the weight tensor of a named layer; see `weight_of`.

    Raises:
        NotComparable: there is no such layer, or it has no weight.
    """
    tensor = weight_of(dict(model.named_modules()).get(layer))
    if tensor is None:
        raise NotComparable(f"expected a layer {layer!r} with weights, the suspect has none")
    return tensor
