"""From an image to one neuron: the part of a model below a layer, and how to run it fast.

Images lie batch-last here, (C, H, W, B), because the fast path wants them so (see `windows`).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from arena.errors import NotComparable
from arena.world.compute import Compute
from arena.world.kinds.classifier import normalisation
from arena.world.models import Model
from arena.world.models.calls import heard, module_of
from defenders.deepjudge.growth.batch_last_conv import PipelineStage
from defenders.deepjudge.growth.fusible import stages_to
from defenders.deepjudge.scheme.metrics import neurons


class NeuronFunction(Protocol):
    """A function from images to neurons that can be differentiated."""

    def __call__(self, images: Tensor, wanted: Tensor) -> Tensor:
        """Return the outputs (B,) of the neurons `wanted` (B,), ascending, for images (..., B)."""
        ...


def path_to(model: Model, layer: str, compute: Compute) -> NeuronFunction:
    """Return the fastest path to the neurons of a layer.

    Raises:
        NotComparable: the model has no such layer.
    """
    modules = dict(model.named_modules())
    if module_of(layer) not in modules:
        known = ", ".join(name for name in modules if name)
        raise NotComparable(f"expected a layer {layer!r}, found none; try one of {known}")
    stages = stages_to(model, layer) if compute.device == "cpu" else []
    if stages:
        first = normalisation(model)
        return ChainPath(first.mean, first.std, tuple(stages))
    return WholePath(compute.frozen(Below(model, layer)))


@dataclass(frozen=True)
class ChainPath:
    """Convolutions one after the other; of the last one only the wanted channels are computed."""

    mean: Tensor  # (C, 1, 1)
    std: Tensor
    stages: tuple[PipelineStage, ...]

    def __call__(self, images: Tensor, wanted: Tensor) -> Tensor:
        """Return the outputs (B,) of the wanted channels (B,)."""
        x = (images - self.mean[..., None]) / self.std[..., None]
        x = x.transpose(0, 1)  # (H, C, W, B)
        for stage in self.stages[:-1]:
            x = stage(x)
        return self.stages[-1].channel_means(x, wanted)


@dataclass(frozen=True)
class WholePath:
    """Any model: everything up to the layer, and of that the wanted neurons."""

    view: nn.Module

    def __call__(self, images: Tensor, wanted: Tensor) -> Tensor:
        """Return the outputs (B,) of the wanted neurons (B,)."""
        outputs: Tensor = self.view(images.movedim(-1, 0))  # (B, N)
        return outputs.gather(1, wanted[:, None].to(outputs.device))[:, 0].to(images.device)


class _Reached(Exception):  # noqa: N818 - not an error: the layer has answered
    """Ends a forward pass."""


class Below(nn.Module):
    """A model that stops at a layer, or at one of its calls, and returns its neurons (B, N)."""

    def __init__(self, model: nn.Module, layer: str) -> None:
        super().__init__()
        self.model, self.layer = model, layer

    def forward(self, images: Tensor) -> Tensor:
        """Return the neurons of the layer."""
        found: list[Tensor] = []

        def stop(
            call: str, _module: nn.Module, _inputs: tuple[object, ...], output: object
        ) -> None:
            if call == self.layer and isinstance(output, Tensor):
                found.append(neurons(output))
                raise _Reached

        name = module_of(self.layer)
        only = {name: self.model.get_submodule(name)}
        with heard(self.model, only, stop), contextlib.suppress(_Reached):
            self.model(images)
        return found[0]
