"""DeepJudge finds a layer in every classifier of torchvision, and grows a test for it."""

from __future__ import annotations

import pytest
import torch

from arena.errors import ModelError
from arena.world.compute import Compute
from arena.world.models import Model, ModelCard, build
from arena.world.models.nets.foreign.torchvision_models import torchvision_names
from arena.world.rng import Rng
from defenders.deepjudge.growth.generate import default_layer
from defenders.deepjudge.growth.neuron_function import path_to
from defenders.deepjudge.growth.whitebox_tests import Growth, grow, reference_bounds
from defenders.deepjudge.scheme.metrics import neurons

SIZES = (32, 64, 80, 224, 299, 384, 518)
SMALL = ("resnet18", "squeezenet1_1", "googlenet")  # one ReLU for two calls; a chain; functions
NAMES = [
    name if name in SMALL else pytest.param(name, marks=pytest.mark.slow)
    for name in torchvision_names()
]


def smallest(name: str) -> Model:
    """Return an untrained network for the smallest images that it takes."""
    refused = None
    for size in SIZES:
        card = ModelCard(
            architecture=f"torchvision:{name}",
            n_classes=4,
            input_shape=(3, size, size),
            mean=(0.5,),
            std=(0.5,),
        )
        try:
            return build(card, Rng(0))
        except ModelError as error:
            refused = error
    raise AssertionError(name) from refused


@pytest.mark.parametrize("name", NAMES)
def test_a_test_is_grown_for_every_classifier(name: str) -> None:
    model, compute = smallest(name), Compute()
    layer = default_layer(model)
    images = torch.rand(3, *model.card.input_shape, generator=Rng(1).torch())
    bounds = reference_bounds(model, layer, images, 1.02, compute)
    best = int(bounds.argmax())
    only = torch.full_like(bounds, -1.0)
    only[best] = bounds[best]
    how = Growth(lr=0.05, n_steps=200, chunk=1)
    grown = grow(path_to(model, layer, compute), images[:1], only, how)
    assert grown.neuron.tolist() == [best]
    reached = compute.activations(model, grown.images, [layer], neurons)[layer]
    assert float(reached[0, best]) > float(bounds[best]) * (1 - 1e-4)
