"""All rewritings of a ResNet-18: shuffled, scaled, flipped, split, cliques, larger kernels.

    python -m benchmarks.rewriting.transforms

Each rewrites all 12 groups (or 20 convolutions) of the network for 32x32x3 and returns a new model,
checked and complete. Bar: <= 1 s for all together, tracing the layer graph included.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from torch import Tensor, nn

from arena.world.graph import Group, LayerGraph, Plan, expand_kernel, flip, permute, rebuild, scale
from arena.world.layers import convolutions
from arena.world.models import Model, ModelCard, build
from arena.world.rng import Rng
from benchmarks.common import bar, heading, median_s, say

SHAPE, N_RUNS, N_DUMMIES = (3, 32, 32), 5, 4


def lively(architecture: str) -> Model:
    """Return a model with random weights, and normalisation that fits its activations."""
    card = ModelCard(
        architecture=architecture, n_classes=10, input_shape=SHAPE, mean=(0.5,), std=(0.25,)
    )
    model, draw = build(card, Rng(0)), Rng(1).torch()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
            module.weight.data = 0.5 + torch.rand(module.num_features, generator=draw)
            module.bias.data = 0.2 * torch.randn(module.num_features, generator=draw)
    with torch.no_grad():
        model.train()(torch.rand(64, *SHAPE, generator=draw))
    return model.eval()


def split(group: Group, draw: torch.Generator) -> Plan:
    n = group.n_units
    units = torch.randint(0, n, (N_DUMMIES,), generator=draw)
    return Plan.keep(n).split(units, torch.randn(N_DUMMIES, n, generator=draw) / n**0.5)


def clique(group: Group, draw: torch.Generator) -> Plan:
    n = group.n_units
    incoming = torch.randn(n, generator=draw) / n**0.5
    outgoing = torch.randn(N_DUMMIES, n, generator=draw) / n**0.5
    plan = Plan.keep(n).clique(0, incoming, outgoing)
    return plan.ordered(torch.randperm(n + N_DUMMIES, generator=draw))


def factors(group: Group, draw: torch.Generator) -> Tensor:
    return 5 ** (2 * torch.rand(group.n_units, generator=draw) - 1)


def signs(group: Group, draw: torch.Generator) -> Tensor:
    return torch.randint(0, 2, (group.n_units,), generator=draw) * 2.0 - 1


def obfuscated(model: Model, graph: LayerGraph, draw: torch.Generator) -> Model:
    """Return the model with cliques at random places, scaled and flipped."""
    wider = rebuild(model, {group: clique(group, draw) for group in graph.groups})
    groups = LayerGraph.of(wider).groups
    wider = scale(wider, {group: factors(group, draw) for group in groups})
    return flip(wider, {group: signs(group, draw) for group in groups})


def main() -> None:
    model, draw = lively("resnet18"), torch.Generator().manual_seed(2)
    groups = LayerGraph.of(model).groups
    orders = {group: torch.randperm(group.n_units, generator=draw) for group in groups}
    sizes = {group: factors(group, draw) for group in groups}
    turned = {group: signs(group, draw) for group in groups}
    splits = {group: split(group, draw) for group in groups}
    cliques = {group: clique(group, draw) for group in groups}
    layers = convolutions(model, SHAPE)
    works: dict[str, Callable[[], Model]] = {
        "permute": lambda: permute(model, orders),
        "scale": lambda: scale(model, sizes),
        "flip": lambda: flip(model, turned),
        "split": lambda: rebuild(model, splits),
        "clique": lambda: rebuild(model, cliques),
        "expand kernels": lambda: expand_kernel(model, layers),
    }
    heading(f"rewriting the {len(groups)} groups of a ResNet-18", N_RUNS)
    say(f"load average of the last minute: {os.getloadavg()[0]:.1f}")
    probes = torch.rand(16, *SHAPE, generator=draw)
    total_s = median_s(lambda: LayerGraph.of(model), N_RUNS)
    say(f"trace: {total_s:.3f} s")
    with torch.no_grad():
        expected = model(probes)
        for name, work in works.items():
            taken_s = median_s(work, N_RUNS)
            off = float((work()(probes) - expected).abs().max())
            say(f"{name}: {taken_s:.3f} s, logits within {off:.1e}")
            total_s += taken_s
    bar("seconds for all", total_s, 1.0, at_least=False)


if __name__ == "__main__":
    main()
