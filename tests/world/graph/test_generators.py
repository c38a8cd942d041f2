"""Transposed convolutions and unflattened features in the layer graph."""

from __future__ import annotations

import pytest
import torch

from arena.world.compute import Compute
from arena.world.graph import LayerGraph, Slot, align, flip, permute, scale
from arena.world.models import Model, ModelCard, build
from arena.world.rng import Rng


@pytest.fixture
def generator() -> Model:
    """A generator of images of 16 x 16, whose normalisations have seen some latents."""
    card = ModelCard(
        kind="generator",
        architecture="dcgan",
        arguments={"latent": 6, "width": 4},
        input_shape=(6,),
        output_shape=(1, 16, 16),
    )
    model, draw = build(card, Rng(0)).train(), Rng(1).torch()
    with torch.no_grad():
        for _ in range(4):
            model(torch.randn(32, 6, generator=draw))
    return model.eval()


def latents() -> torch.Tensor:
    return torch.randn(128, 6, generator=Rng(2).torch())


def test_maps_are_found_behind_an_unflatten_and_in_front_of_transposed_convolutions(
    generator: Model,
) -> None:
    graph = LayerGraph.of(generator)
    assert [(group.name, group.n_units) for group in graph.groups] == [
        ("body.fc", 16), ("body.up1", 8), ("body.up2", 4),
    ]  # fmt: skip
    (producer,) = graph["body.fc"].producers
    assert producer.slot == Slot("body.fc", "out", 0, 16)  # 4 x 4 features make a map
    assert producer.norm == Slot("body.norm0", "norm")
    assert graph["body.fc"].consumers == (Slot("body.up1", "in", transposed=True),)
    assert not any(group.may_resize for group in graph.groups)
    assert all(group.may_flip and group.may_scale for group in graph.groups)


@pytest.mark.parametrize("rewriting", ["flip", "permute", "scale"])
def test_rewritten_generators_make_the_same_images_and_are_brought_back(
    generator: Model, rewriting: str
) -> None:
    groups, draw = LayerGraph.of(generator).groups, Rng(3).torch()
    if rewriting == "permute":
        orders = {g: torch.randperm(g.n_units, generator=draw) for g in groups}
        changed = permute(generator, orders)
    elif rewriting == "flip":
        changed = flip(
            generator, {g: torch.randn(g.n_units, generator=draw).sign() for g in groups}
        )
    else:
        changed = scale(generator, {g: torch.rand(g.n_units, generator=draw) + 0.5 for g in groups})
    asked, compute = latents(), Compute()
    expected = compute.logits(generator, asked)
    assert changed.digest() != generator.digest()
    torch.testing.assert_close(compute.logits(changed, asked), expected, atol=1e-5, rtol=0)
    aligned, report = align(changed, generator, asked, compute)
    assert report.difference < 1e-5
    for name, tensor in generator.state_dict().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(aligned.state_dict()[name], tensor, atol=1e-4, rtol=1e-3)
