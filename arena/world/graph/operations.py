"""What each operation of a network does to channels: the table that the layer graph is read from.

An operation that is not listed here is not understood, and the channels that meet it stay as they
are. Names are those of torch's modules (exact types: a subclass may compute something else),
functions and methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType

from torch import fx, nn


class Role(Enum):
    """What an operation does to the channels (axis 1) of its input."""

    INPUT = auto()
    OUTPUT = auto()
    CONV = auto()
    TRANSPOSED = auto()  # a convolution whose weight has its inputs first
    DENSE = auto()
    NORM = auto()
    LINEAR = auto()  # each channel by itself: f(a x) = a f(x) for every a
    HOMOGENEOUS = auto()  # each channel by itself: f(a x) = a f(x) for a > 0
    ODD = auto()  # each channel by itself: f(-x) = -f(x)
    POINTWISE = auto()  # each channel by itself, nothing more is known
    MEAN = auto()
    RESHAPE = auto()
    ADD = auto()
    MULTIPLY = auto()
    CONCAT = auto()
    SHAPE = auto()  # asks for sizes
    UNKNOWN = auto()


_POINTWISE = (
    nn.CELU,
    nn.ELU,
    nn.GELU,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,
    nn.LogSigmoid,
    nn.Mish,
    nn.ReLU6,
    nn.SELU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Softplus,
)

_MODULES: Mapping[type[nn.Module], Role] = MappingProxyType(
    {
        nn.Conv2d: Role.CONV,
        nn.ConvTranspose2d: Role.TRANSPOSED,
        nn.Linear: Role.DENSE,
        nn.BatchNorm1d: Role.NORM,
        nn.BatchNorm2d: Role.NORM,
        nn.Flatten: Role.RESHAPE,
        nn.Unflatten: Role.RESHAPE,
        **dict.fromkeys(
            (nn.Identity, nn.Dropout, nn.Dropout2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d),
            Role.LINEAR,
        ),
        **dict.fromkeys(
            (nn.ReLU, nn.LeakyReLU, nn.MaxPool2d, nn.AdaptiveMaxPool2d), Role.HOMOGENEOUS
        ),
        **dict.fromkeys((nn.Tanh, nn.Softsign), Role.ODD),
        **dict.fromkeys(_POINTWISE, Role.POINTWISE),
    }
)

_LISTS: Mapping[Role, str] = MappingProxyType(
    {
        Role.LINEAR: "contiguous clone dropout dropout2d stochastic_depth avg_pool2d "
        "adaptive_avg_pool2d",
        Role.HOMOGENEOUS: "relu relu_ leaky_relu leaky_relu_ max_pool2d adaptive_max_pool2d",
        Role.ODD: "tanh tanh_ softsign",
        Role.POINTWISE: "relu6 hardswish hardsigmoid sigmoid sigmoid_ silu gelu elu selu softplus "
        "mish hardtanh logsigmoid",
        Role.MEAN: "mean",
        Role.RESHAPE: "flatten view reshape squeeze unsqueeze",
        Role.ADD: "add iadd add_",
        Role.MULTIPLY: "mul imul mul_",
        Role.CONCAT: "cat concat",
        Role.SHAPE: "size dim getattr floordiv eq _assert",
    }
)
_NAMES: Mapping[str, Role] = MappingProxyType(
    {name: role for role, names in _LISTS.items() for name in names.split()}
)


def is_understood(module: nn.Module) -> bool:
    """Say whether it is known what a module does to channels."""
    return type(module) in _MODULES


def role_of(node: fx.Node, modules: Mapping[str, nn.Module]) -> Role:
    """Return the role of a node of a traced network.

    Args:
        node: the node.
        modules: the network's modules by name.
    """
    if node.op == "placeholder":
        return Role.INPUT
    if node.op == "output":
        return Role.OUTPUT
    if node.op == "call_module":
        return _MODULES.get(type(modules[str(node.target)]), Role.UNKNOWN)
    if node.op in ("call_function", "call_method"):
        name = getattr(node.target, "__name__", str(node.target))
        return _NAMES.get(name, Role.UNKNOWN)
    return Role.UNKNOWN
