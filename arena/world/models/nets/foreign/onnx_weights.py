"""Which constants of an ONNX graph are its network's weights: left out of cards, put back in files.

onnx2torch gives its layers names of its own, and turns some matrices over. Where each weight came
from is asked of onnx2torch itself: it converts the graph twice more, once with every constant
filled with its number, once with the values of every constant counted through.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arena.errors import ModelError
from arena.world.models.nets.foreign.onnx_graph import (
    FLOATS,
    model_of,
    network_of,
    packed,
    write_values,
)

_EXACT = 2039  # a prime below 2,048: up to there, halves of a float count without a gap
_KEPT = 8  # numbers in a constant that stays in a card if it is no weight: limits and scales
_SIZES = ("Resize", "Upsample")  # their constants are scales, and filled ones would not convert
_Numbers = NDArray[np.float64]
_WAY_OUT = "give the network's own weights in place of the graph"


@dataclass(frozen=True)
class _Origin:
    """Where a weight of the network lies in the graph."""

    constant: str  # its name
    turned: bool  # the weight is the constant transposed


def graph_of(blob: bytes, name: str) -> str:
    """Return an ONNX model's graph without its weights, as text for a card.

    Raises:
        ModelError: onnx is missing, or the bytes are no ONNX model that can be converted.
    """
    weights = {origin.constant for origin in _origins(blob, name).values()}
    model = model_of(blob, name)
    for held in model.graph.initializer:
        n_values = math.prod(held.dims)
        if held.name in weights or (held.data_type in FLOATS and n_values > _KEPT):
            write_values(held, np.zeros(n_values))
    return packed(model.SerializeToString(deterministic=True))


def check_writable(blob: bytes, name: str) -> None:
    """Refuse an ONNX model whose graph could not take other weights, before they are made.

    Args:
        blob: the model.
        name: what to call it in messages.

    Raises:
        ModelError: a weight is no constant of the graph, or the graph cannot be converted.
    """
    origins = _origins(blob, name)
    for weight, _ in network_of(blob, name).named_parameters():
        if weight not in origins:
            raise _no_constant(weight, name)


def with_weights(blob: bytes, state: Mapping[str, Tensor], name: str) -> bytes:
    """Return an ONNX model with other weights.

    Args:
        blob: the model that the network was made of.
        state: the weights of the network, by onnx2torch's names.
        name: what to call the model in messages.

    Raises:
        ModelError: a new weight is no constant of the graph, or layers that share one differ now.
    """
    origins, before = _origins(blob, name), network_of(blob, name).state_dict()
    values: dict[str, Tensor] = {}
    for weight, old in _floats(before):
        origin, new = origins.get(weight), state[weight].detach().cpu().to(old.dtype)
        if origin is not None:
            values[origin.constant] = new.T if origin.turned else new
        elif not torch.equal(new, old):
            raise _no_constant(weight, name)
    model = model_of(blob, name)
    for held in _constants(model):
        if held.name in values:
            write_values(held, values[held.name].numpy())
    written: bytes = model.SerializeToString(deterministic=True)
    _check_equal(network_of(written, name).state_dict(), state, name)
    return written


def _floats(state: Mapping[str, Tensor]) -> list[tuple[str, Tensor]]:
    """Return what of a state a graph holds: no counters of batches."""
    return [(name, value) for name, value in state.items() if value.is_floating_point()]


def _check_equal(written: Mapping[str, Tensor], wanted: Mapping[str, Tensor], name: str) -> None:
    for weight, value in _floats(written):
        if not torch.equal(value, wanted[weight].detach().cpu().to(value.dtype)):
            raise ModelError(
                f"expected one layer for each constant of {name}, found several that share one "
                f"and differ now, among them {weight}; {_WAY_OUT}"
            )


def _origins(blob: bytes, name: str) -> dict[str, _Origin]:
    """Return where the weights come from that are constants of the graph, straight or turned."""
    names = [held.name for held in _constants(model_of(blob, name))]
    numbers = _converted(blob, name, lambda number, shape: np.full(shape, number + 1.0))
    counted = _converted(blob, name, lambda _, shape: _count(shape))
    origins = {}
    for weight, values in counted.items():
        filled = numbers[weight].unique()
        straight, turned = _counts_up(values), values.dim() == 2 and _counts_up(values.T)
        if values.dim() and len(filled) == 1 and (straight or turned):
            origins[weight] = _Origin(names[int(filled[0]) - 1], turned=not straight)
    return origins


def _counts_up(values: Tensor) -> bool:
    """Tell whether values lie in the order in which those of a constant were counted."""
    return torch.equal(values.flatten().double(), torch.from_numpy(_count((values.numel(),))))


def _converted(
    blob: bytes, name: str, fill: Callable[[int, tuple[int, ...]], _Numbers]
) -> Mapping[str, Tensor]:
    """Return the weights of the network of a graph whose constants were filled."""
    model = model_of(blob, name)
    for number, held in enumerate(_constants(model)):
        write_values(held, fill(number, tuple(held.dims)))
    return network_of(model.SerializeToString(), name).state_dict()


def _count(shape: tuple[int, ...]) -> _Numbers:
    return (np.arange(math.prod(shape)) % _EXACT).astype(np.float64).reshape(shape)


def _constants(model: Any) -> list[Any]:
    """Return the constants of a graph that may be weights: floats that are no single number."""
    sizes = {name for node in model.graph.node if node.op_type in _SIZES for name in node.input}
    return [
        held
        for held in model.graph.initializer
        if held.data_type in FLOATS and held.dims and held.name not in sizes
    ]


def _no_constant(weight: str, name: str) -> ModelError:
    return ModelError(
        f"expected the weights of {name} as constants of its graph, found {weight} otherwise; "
        f"{_WAY_OUT}"
    )
