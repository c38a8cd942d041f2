"""Layers by their role: found by running the model, never by their position."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from arena.errors import NotComparable

WEIGHTED = (nn.Conv2d, nn.Linear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm)


def executed(model: nn.Module, input_shape: tuple[int, ...]) -> list[tuple[str, nn.Module]]:
    """Return the leaf modules in the order in which one forward pass runs them."""
    order: list[tuple[str, nn.Module]] = []
    handles = []
    for name, module in model.named_modules():
        if next(module.children(), None) is None:

            def hook(found: nn.Module, _i: object, _o: object, name: str = name) -> None:
                order.append((name, found))

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
