"""Layers by their role: found by running the model, never by their position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from arena.errors import NotComparable

WEIGHTED = (nn.Conv2d, nn.Linear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm)


class _Call(NamedTuple):
    """One run of a leaf module; its tensors are kept, so that what is one tensor stays one."""

    name: str
    module: nn.Module
    inputs: tuple[object, ...]
    output: object


def _calls(model: nn.Module, input_shape: tuple[int, ...]) -> list[_Call]:
    """Return the runs of leaf modules in one forward pass, in order."""
    order: list[_Call] = []
    handles = []
    for name, module in model.named_modules():
        if next(module.children(), None) is None:

            def hook(
                found: nn.Module, inputs: tuple[object, ...], output: object, name: str = name
            ) -> None:
                order.append(_Call(name, found, inputs, output))

            handles.append(module.register_forward_hook(hook))
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    training = model.training
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, *input_shape, device=device))
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
    return order


def executed(model: nn.Module, input_shape: tuple[int, ...]) -> list[tuple[str, nn.Module]]:
    """Return the leaf modules in the order in which one forward pass runs them."""
    return [(call.name, call.module) for call in _calls(model, input_shape)]


def normalised(model: nn.Module, input_shape: tuple[int, ...]) -> dict[str, str]:
    """Return convolutions and the batch normalisation that reads the output of each, in order.

    Each runs once: a normalisation that several convolutions share is that of none of them, nor is
    one behind a sum or a concatenation, though it may be what runs next.
    """
    return dict(_pairs(_calls(model, input_shape)))


def _pairs(calls: list[_Call]) -> Iterator[tuple[str, str]]:
    n_runs = Counter(call.name for call in calls)
    makers: dict[int, _Call] = {}  # of each tensor by its identity
    for call in calls:
        maker = makers.get(id(call.inputs[0])) if call.inputs else None
        makers[id(call.output)] = call  # a layer that works in place makes its input anew
        if maker is None or n_runs[maker.name] > 1 or n_runs[call.name] > 1:
            continue
        if isinstance(maker.module, nn.Conv2d) and isinstance(call.module, nn.BatchNorm2d):
            yield maker.name, call.name


def weighted(model: nn.Module, input_shape: tuple[int, ...]) -> list[str]:
    """Return the names of the convolutions and linear layers in order of execution."""
    return [name for name, m in executed(model, input_shape) if isinstance(m, WEIGHTED)]


def convolutions(model: nn.Module, input_shape: tuple[int, ...]) -> list[str]:
    """Return the names of the convolutions in order of execution."""
    return [name for name, m in executed(model, input_shape) if isinstance(m, nn.Conv2d)]


def head(model: nn.Module, input_shape: tuple[int, ...]) -> str:
    """Return the name of the last linear layer that runs: the classifier's head.

    Raises:
        NotComparable: the model has no linear layer.
    """
    linear = [name for name, m in executed(model, input_shape) if isinstance(m, nn.Linear)]
    if not linear:
        raise NotComparable("expected a model that ends in a linear layer, found none")
    return linear[-1]


def activations(model: nn.Module, input_shape: tuple[int, ...]) -> list[str]:
    """Return the names of the hidden activation functions (ReLU and its kin) in order."""
    kinds = (nn.ReLU, nn.LeakyReLU, nn.ReLU6, nn.Hardswish, nn.SiLU, nn.GELU, nn.Tanh, nn.Sigmoid)
    return [name for name, m in executed(model, input_shape) if isinstance(m, kinds)]


def weight(model: nn.Module, layer: str) -> Tensor:
    """Return the weight tensor of a named layer.

    Raises:
        NotComparable: there is no such layer, or it has no weight.
    """
    module = dict(model.named_modules()).get(layer)
    tensor = getattr(module, "weight", None)
    if not isinstance(tensor, Tensor):
        raise NotComparable(f"expected a layer {layer!r} with weights, the suspect has none")
    return tensor
