"""A walk over a traced network that finds which channels are tied to which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set
from math import prod
from typing import Any

import torch
from torch import Tensor, fx, nn

from arena.world.graph.groups import ChannelSide
from arena.world.graph.operations import Role, role_of
from arena.world.graph.union_find import Mark, Ties

Axis = tuple[str, ChannelSide]
"""A layer, and which of its channel axes."""

_MARKS = {
    Role.LINEAR: (),
    Role.HOMOGENEOUS: (Mark.HOMOGENEOUS,),
    Role.ODD: (Mark.ODD,),
    Role.POINTWISE: (Mark.POINTWISE,),
}


class Walk:
    """What one pass over the operations of a network, in order of execution, has found.

    Args:
        traced: the network, in evaluation mode.
        example: two inputs, (2, *input_shape).
        shared: layers whose parameters have another name too: they are left alone.

    Attributes:
        ties: the channels.
        axes: the channels along each channel axis, in order of execution.
        shown: node -> the channels that it shows to a convolution or linear layer.
        norm_after: layer -> the normalisation that follows it, candidates for a pair.
        per_channel: the depthwise convolutions.
        transposed: the transposed convolutions.
        n_calls: how often each layer runs in one forward pass.
    """

    def __init__(self, traced: fx.GraphModule, example: Tensor, shared: Set[str]) -> None:
        self.ties = Ties()
        self.axes: dict[Axis, list[int]] = {}
        self.shown: dict[str, list[int]] = {}
        self.norm_after: dict[str, str] = {}
        self.per_channel: set[str] = set()
        self.transposed: set[str] = set()
        self._merged: set[fx.Node] = set()
        self.n_calls: Counter[str] = Counter()
        self._values: dict[fx.Node, list[int]] = {}
        self._modules = dict(traced.named_modules())
        self._shared = shared
        self._shapes = _Shapes(traced)
        with torch.no_grad():
            self._shapes.run(example)
        for node in traced.graph.nodes:
            self._visit(node)

    def _visit(self, node: fx.Node) -> None:
        channels = self._channels(node, role_of(node, self._modules))
        shape = self._shapes.found.get(node)
        if channels is None:
            for read in node.all_input_nodes:
                self.ties.mark(Mark.FROZEN, self._values.get(read, ()))
            if shape is not None and len(shape) > 1:
                channels = self.ties.fresh(shape[1])
                self.ties.mark(Mark.FROZEN, channels)
        if channels is not None and shape is not None:
            self._values[node] = channels

    def _channels(self, node: fx.Node, role: Role) -> list[int] | None:
        """Return the channels on axis 1 of the output, None where the node is not understood."""
        shape = self._shapes.found.get(node)
        if role is Role.SHAPE and shape is None:
            return []
        if shape is None or len(shape) < 2:
            return None
        match role:
            case Role.CONV:
                return self._conv(node)
            case Role.TRANSPOSED:
                return self._transposed(node)
            case Role.DENSE:
                return self._dense(node, str(node.target)) if len(shape) == 2 else None
            case Role.NORM:
                return self._norm(node)
            case Role.MEAN:
                return self._read(node) if _is_spatial_mean(node, self._rank(node)) else None
            case Role.RESHAPE:
                return self._reshape(node, shape)
            case Role.ADD | Role.MULTIPLY:
                return self._combine(node, role)
            case Role.CONCAT:
                return self._concat(node, len(shape))
            case Role.LINEAR | Role.HOMOGENEOUS | Role.ODD | Role.POINTWISE:
                return self._each(node, role, shape)
        return None

    def _read(self, node: fx.Node) -> list[int] | None:
        """Return the channels of the node's first argument."""
        first = node.args[0] if node.args else None
        return self._values.get(first) if isinstance(first, fx.Node) else None

    def _rank(self, node: fx.Node) -> int:
        first = node.args[0]
        return len(self._shapes.found.get(first) or ()) if isinstance(first, fx.Node) else 0

    def _on(self, axis: Axis, channels: list[int]) -> list[int]:
        """Tie channels to an axis; it holds earlier ones where the layer has run before."""
        self.ties.tie(self.axes.setdefault(axis, channels), channels)
        return self.axes[axis]

    def _show(self, node: fx.Node, channels: list[int]) -> None:
        self.shown[node.all_input_nodes[0].name] = channels

    def _conv(self, node: fx.Node) -> list[int] | None:
        name, read = str(node.target), self._read(node)
        layer = self._modules[name]
        assert isinstance(layer, nn.Conv2d)  # noqa: S101 - by its role
        if read is None or layer.groups == 1:
            return self._dense(node, name)
        if layer.groups != layer.in_channels or name in self._shared:
            return None
        self.per_channel.add(name)
        self.n_calls[name] += 1
        self._show(node, read)
        times = layer.out_channels // layer.in_channels
        return self._on((name, "out"), _repeated(read, times))

    def _transposed(self, node: fx.Node) -> list[int] | None:
        name = str(node.target)
        layer = self._modules[name]
        assert isinstance(layer, nn.ConvTranspose2d)  # noqa: S101 - by its role
        if layer.groups != 1:
            return None
        self.transposed.add(name)
        written = self._dense(node, name)
        for channels in (self._read(node), written):
            self.ties.mark(Mark.FIXED_WIDTH, channels or ())
        return written

    def _dense(self, node: fx.Node, name: str) -> list[int] | None:
        read = self._read(node)
        if read is None or name in self._shared:
            return None
        self.n_calls[name] += 1
        self._show(node, read)
        self._on((name, "in"), read)
        weight = self._modules[name].weight
        assert isinstance(weight, Tensor)  # noqa: S101 - by its role
        axis = self.axes.get((name, "out"))
        n_out = weight.shape[name in self.transposed]
        return self._on((name, "out"), axis or self.ties.fresh(n_out))

    def _norm(self, node: fx.Node) -> list[int] | None:
        name, read = str(node.target), self._read(node)
        layer = self._modules[name]
        if read is None or name in self._shared:
            return None
        self.n_calls[name] += 1
        source = self._unmerged(node.all_input_nodes[0])
        if layer.weight is None or layer.running_mean is None:
            self.ties.mark(Mark.FIXED_SCALE, read)
            self.ties.mark(Mark.FIXED_WIDTH, read)
        elif source.op == "call_module" and len(source.users) == 1:
            self.norm_after[str(source.target)] = name
        return self._on((name, "norm"), read)

    def _reshape(self, node: fx.Node, shape: torch.Size) -> list[int] | None:
        read, source = self._read(node), node.all_input_nodes[0]
        before = self._shapes.found.get(source)
        if read is None or before is None or shape[0] != before[0]:
            return None
        if len(before) == 2 and len(read) > shape[1] and len(read) == prod(shape[1:]):
            return self._merge(node, read, len(read) // shape[1])
        if shape[1] % len(read):
            return None
        times = shape[1] // len(read)
        if prod(before[2:]) != times * prod(shape[2:]):
            return None
        if node.target in ("view", "reshape") and _names_a_size(node):
            self.ties.mark(Mark.FIXED_WIDTH, read)
        return _repeated(read, times)

    def _merge(self, node: fx.Node, read: list[int], times: int) -> list[int]:
        """Tie the features that an unflatten makes into one map, and return the maps."""
        self._merged.add(node)
        self.ties.mark(Mark.FIXED_WIDTH, read)
        self.ties.tie(_repeated(read[::times], times), read)
        return read[::times]

    def _unmerged(self, node: fx.Node) -> fx.Node:
        """Return what an unflatten reads, where nothing else reads either; else the node."""
        if node not in self._merged or len(node.users) > 1:
            return node
        return node.all_input_nodes[0]

    def _combine(self, node: fx.Node, role: Role) -> list[int] | None:
        if len(node.args) < 2:
            return None
        operands = [operand for operand in node.args[:2] if isinstance(operand, fx.Node)]
        read = [self._values.get(operand) for operand in operands]
        ranks = {len(self._shapes.found.get(operand) or ()) for operand in operands}
        first, last = read[0], read[-1]
        if first is None or last is None or len(first) != len(last) or len(ranks) > 1:
            return None
        self.ties.tie(first, last)
        if (role is Role.ADD) == (len(operands) == 1):  # x + constant, x * y
            self.ties.mark(Mark.POINTWISE, first)
        return first

    def _concat(self, node: fx.Node, n_axes: int) -> list[int] | None:
        axis: Any = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
        parts: Any = node.args[0]
        read = [self._values.get(part) for part in parts]
        if axis % n_axes != 1:
            return None
        joined: list[int] = []
        for channels in read:
            if channels is None:
                return None
            joined += channels
        return joined

    def _each(self, node: fx.Node, role: Role, shape: torch.Size) -> list[int] | None:
        read = self._read(node)
        if read is None or len(read) != shape[1]:
            return None
        for mark in _MARKS[role]:
            self.ties.mark(mark, read)
        return read


class _Shapes(fx.Interpreter):
    """Runs a traced network and keeps the shapes of all tensors."""

    def __init__(self, traced: fx.GraphModule) -> None:
        super().__init__(traced)
        self.found: dict[fx.Node, torch.Size] = {}

    def run_node(self, n: fx.Node) -> Any:
        """Run one node; its name is that of torch's interface."""
        result = super().run_node(n)
        if isinstance(result, Tensor):
            self.found[n] = result.shape
        return result


def _repeated(channels: list[int], times: int) -> list[int]:
    return [channel for channel in channels for _ in range(times)]


def _is_spatial_mean(node: fx.Node, n_axes: int) -> bool:
    axes: Any = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    listed = axes if isinstance(axes, tuple | list) else [axes]
    return all(isinstance(axis, int) and axis % n_axes > 1 for axis in listed)


def _names_a_size(node: fx.Node) -> bool:
    """Tell whether a reshape holds a number of channels as a constant."""
    sizes: list[Any] = []
    for argument in node.args[1:]:
        sizes += argument if isinstance(argument, tuple | list) else [argument]
    return any(isinstance(size, int) and size > 1 for size in sizes)
