"""Layers that take the shapes of given tensors: for widened, pruned and re-kernelled models."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Size, nn

from arena.errors import ModelError


def resize(network: nn.Module, shapes: Mapping[str, Size]) -> None:
    """Replace the layers of a network whose weights have another shape than `shapes` names.

    Convolutions, linear layers and batch normalisation can be replaced; what else differs, and
    what does not fit together, is left for the caller to find.

    Args:
        network: changed in place; new layers are made on the current default device.
        shapes: name in the network's state dict -> shape.

    Raises:
        ModelError: no layer of the same kind can have the shape.
    """
    for name, layer in list(network.named_modules()):
        weight, wanted = getattr(layer, "weight", None), shapes.get(f"{name}.weight")
        if weight is None or wanted is None or weight.shape == wanted:
            continue
        try:
            new = _remade(layer, wanted)
        except ValueError as error:
            raise ModelError(
                f"{name}.weight cannot have the shape {tuple(wanted)} ({error}); "
                "channels and kernel sizes must suit the layer"
            ) from error
        if new is not None:
            network.set_submodule(name, new)


def _remade(layer: nn.Module, wanted: Size) -> nn.Module | None:
    if 0 in wanted:
        raise ValueError("a layer needs at least one channel")
    if isinstance(layer, nn.Conv2d) and len(wanted) == 4:
        return _conv(layer, wanted)
    if isinstance(layer, nn.Linear) and len(wanted) == 2:
        return nn.Linear(wanted[1], wanted[0], bias=layer.bias is not None)
    if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) and len(wanted) == 1:
        return type(layer)(wanted[0], eps=layer.eps, momentum=layer.momentum)
    return None


def _conv(old: nn.Conv2d, wanted: Size) -> nn.Conv2d:
    """Return a convolution with weights (O, I / groups, kh, kw) and output size as before."""
    n_out, n_in_group, *kernel = wanted
    depthwise = 1 < old.groups == old.in_channels
    groups = n_out * old.groups // old.out_channels if depthwise else old.groups
    return nn.Conv2d(
        n_in_group * groups,
        n_out,
        (kernel[0], kernel[1]),
        stride=(old.stride[0], old.stride[1]),
        padding=_padding(old, kernel),
        dilation=(old.dilation[0], old.dilation[1]),
        groups=groups,
        bias=old.bias is not None,
        padding_mode=old.padding_mode,
    )


def _padding(old: nn.Conv2d, kernel: list[int]) -> tuple[int, int] | str:
    if isinstance(old.padding, str):
        return old.padding
    height, width = (
        padding + (new - size) * dilation // 2
        for padding, new, size, dilation in zip(
            old.padding, kernel, old.kernel_size, old.dilation, strict=True
        )
    )
    if min(height, width) < 0:
        raise ValueError("the kernel is too small for the layer's padding")
    return height, width
