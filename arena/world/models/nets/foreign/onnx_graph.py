"""Networks whose forward pass is an ONNX graph, as `onnx:<name>`; the card holds the graph.

onnx2torch (extra `models`) turns a graph into modules of torch, where it knows all its operations.
In a card the graph is without its weights, which travel as tensors like those of any model.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

from arena.errors import ModelError
from arena.world.models.registry import Builder, family
from arena.world.models.tensors import MAX_BYTES

FLOATS: Mapping[int, str] = MappingProxyType({1: "<f4", 10: "<f2", 11: "<f8"})
"""TensorProto's numbers of the types of floats, and how numpy names their bytes."""


@family("onnx")
def onnx_builder(name: str) -> Builder:
    """Return the builder of a network whose graph is given as an argument."""

    def build(shape: tuple[int, ...], n_classes: int, *, graph: str = "") -> nn.Module:
        if not graph:
            raise ModelError(f"onnx:{name} is built from its file alone; name the .onnx file")
        with torch.device("cpu"):
            network = network_of(_unpacked(graph), f"onnx:{name}")
            _draw(network)
        return network

    return build


def write_values(constant: Any, values: NDArray[Any]) -> None:
    """Put values into a constant of floats, in its own type and order."""
    for old in ("float_data", "double_data", "int32_data"):
        constant.ClearField(old)
    constant.raw_data = values.astype(FLOATS[constant.data_type]).tobytes()


def network_of(blob: bytes, name: str) -> nn.Module:
    """Return the network of an ONNX model.

    Raises:
        ModelError: a library is missing, or the graph has operations that cannot be converted.
    """
    convert = _library("onnx2torch", name).convert
    model = model_of(blob, name)
    try:
        network: nn.Module = convert(model)
    except Exception as error:  # an old library over a stranger's graph can raise anything
        reason = f"{type(error).__name__}: {error}".partition("\n")[0][:200]
        raise ModelError(
            f"{name} cannot be turned into a network by onnx2torch ({reason}); give the network's "
            "own weights, or let it be asked alone: --access probabilities"
        ) from error
    return network.eval()


def model_of(blob: bytes, name: str) -> Any:
    """Return an ONNX model as onnx holds it.

    Raises:
        ModelError: onnx is missing, or the bytes are no ONNX model.
    """
    onnx = _library("onnx", name)
    try:
        model = onnx.load_model_from_string(blob)
        if _lies_elsewhere(model):
            raise ModelError(
                f"expected the weights of {name} in the file itself, found some that lie in "
                "another; export it again with external_data=False"
            )
        onnx.checker.check_model(model)
    except ModelError:
        raise
    except Exception as error:  # a stranger's bytes can make the reader raise anything
        reason = str(error).partition("\n")[0][:200]
        raise ModelError(f"{name} is no ONNX model ({reason}); export it again") from error
    return model


def packed(graph: bytes) -> str:
    """Return a graph as text for a card."""
    return base64.b85encode(zlib.compress(graph)).decode()


def _lies_elsewhere(message: Any) -> bool:
    """Tell whether any tensor of a graph, however deep, names another file as its place.

    A library would read that file, whichever it is, on the machine where the graph is looked at.
    """
    if getattr(message, "external_data", None):
        return True
    parts = [value for field, value in message.ListFields() if field.message_type is not None]
    lists = [[part] if hasattr(part, "ListFields") else part for part in parts]
    return any(_lies_elsewhere(inside) for part in lists for inside in part)


def _unpacked(graph: str) -> bytes:
    try:
        packed = base64.b85decode(graph)
        held = zlib.decompressobj()
        blob = held.decompress(packed, MAX_BYTES)
    except (ValueError, zlib.error) as error:
        raise ModelError(f"the card's ONNX graph is damaged ({error})") from error
    return blob


def _library(name: str, what: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ModelError(
            f"expected the library {name} for {what}, found none ({error}); "
            "try pip install 'copyright-arena[models]'"
        ) from error


def _draw(network: nn.Module) -> None:
    """Give a network initial weights: its layers draw their own, other tensors Kaiming's."""
    drawn: set[int] = set()
    for module in network.modules():
        reset = getattr(module, "reset_parameters", None)
        if callable(reset):
            reset()
            drawn |= {id(parameter) for parameter in module.parameters(recurse=False)}
    for parameter in network.parameters():
        if id(parameter) not in drawn and parameter.dim() > 1:
            nn.init.kaiming_uniform_(parameter, a=math.sqrt(5))
