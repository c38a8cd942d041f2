"""Which models are plain chains of convolutions up to a layer, and the stages of such a chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from torch import Tensor, nn

from arena.world.frozen_conv import is_plain
from arena.world.models import Model
from defenders.deepjudge.growth.batch_last_conv import PipelineStage


def stages_to(model: Model, layer: str) -> list[PipelineStage]:
    """Return the convolutions up to a layer, which is a ReLU; none if there is anything else."""
    modules = _chain(model, layer)
    if not modules or not isinstance(modules[-1], nn.ReLU):
        return []
    stages: list[PipelineStage] = []
    for previous, module in pairwise([nn.Identity(), *modules]):
        if not _extend(stages, previous, module):
            return []
    return [] if stages[-1].pool else stages


def _chain(model: Model, layer: str) -> Sequence[nn.Module]:
    """Return the modules of a flat chain up to a layer; none if the model is no such chain."""
    if not isinstance(model.body, nn.Sequential):
        return []
    if len(list(model.body.named_children())) < len(model.body):  # one module in two places
        return []
    named = [(f"body.{name}", module) for name, module in model.body.named_children()]
    names = [name for name, _ in named]
    return [module for _, module in named[: names.index(layer) + 1]] if layer in names else []


def _extend(stages: list[PipelineStage], previous: nn.Module, module: nn.Module) -> bool:
    """Add a module to the last stage, or begin a new one; False if it fits neither way."""
    if isinstance(module, nn.Conv2d) and _is_square(module):
        stages.append(_stage_of(module))
        return True
    if not stages:
        return False
    last = stages[-1]
    if isinstance(module, nn.BatchNorm2d) and isinstance(previous, nn.Conv2d):
        stages[-1] = _folded(last, module)
    elif isinstance(module, nn.ReLU):
        stages[-1] = replace(last, relu=True)
    elif isinstance(module, nn.MaxPool2d) and not last.pool and _halves(module):
        stages[-1] = replace(last, pool=True)
    else:
        return False
    return True


def _is_square(conv: nn.Conv2d) -> bool:
    height, width = conv.kernel_size
    return is_plain(conv) and height == width and len(set(conv.padding)) == 1 and height % 2 == 1


def _halves(pool: nn.MaxPool2d) -> bool:
    plain = pool.padding == 0 and pool.dilation == 1 and not pool.ceil_mode
    return plain and pool.kernel_size in (2, (2, 2)) and pool.stride in (2, (2, 2))


def _stage_of(conv: nn.Conv2d) -> PipelineStage:
    weight = conv.weight.detach().contiguous()
    bias = weight.new_zeros(len(weight)) if conv.bias is None else conv.bias.detach().clone()
    return PipelineStage(weight, bias, int(conv.padding[0]))


def _folded(stage: PipelineStage, norm: nn.BatchNorm2d) -> PipelineStage:
    """Return the stage with a normalisation in eval mode folded into its weights."""
    mean, variance = norm.running_mean, norm.running_var
    assert isinstance(mean, Tensor)  # noqa: S101 - the zoo's normalisations keep statistics
    assert isinstance(variance, Tensor)  # noqa: S101
    factor = norm.weight.detach() / (variance + norm.eps).sqrt()  # (O,)
    weight = stage.weight * factor.view(-1, 1, 1, 1)
    return replace(stage, weight=weight, bias=(stage.bias - mean) * factor + norm.bias.detach())
