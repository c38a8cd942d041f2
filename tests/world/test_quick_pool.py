"""Max pooling by halves puts out what the library does; its gradient goes where that does."""

from __future__ import annotations

import contextlib

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from arena.world.models import Model, ModelCard, build
from arena.world.quick_pool import halved, quick_pools, quicken
from arena.world.rng import Rng
from arena.world.training import Augment, Examples, Recipe, Trainer, engine

GREY = ModelCard(
    architecture="lenet5", n_classes=10, input_shape=(1, 8, 8), mean=(0.5,), std=(0.3,)
)


def bits(values: Tensor) -> Tensor:
    return values.contiguous().view(torch.int32)


@given(
    st.integers(1, 3), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9), st.integers(0, 9)
)
def test_outputs_and_gradients_are_those_of_max_pool2d(
    n: int, channels: int, height: int, width: int, seed: int
) -> None:
    rng = Rng(seed).torch()
    shape = (n, channels, 2 * height, 2 * width)
    images = torch.randint(-2, 3, shape, generator=rng).float()  # so few values that many tie
    gradient = torch.randn(n, channels, height, width, generator=rng)
    found = []
    for pool in (halved, lambda x: F.max_pool2d(x, 2)):
        inputs = images.clone().requires_grad_(True)
        pooled = pool(inputs)
        found.append((pooled, *torch.autograd.grad(pooled, inputs, gradient)))
        with torch.no_grad():
            assert torch.equal(pool(images), pooled)
    (mine, my_gradient), (theirs, their_gradient) = found
    assert torch.equal(mine, theirs)
    assert torch.equal(bits(my_gradient), bits(their_gradient))


@pytest.mark.parametrize(
    "images",
    [
        torch.rand(2, 3, 5, 4),
        torch.rand(2, 3, 4, 4).double(),
        torch.rand(3, 4, 4),
        torch.rand(2, 3, 4, 4).contiguous(memory_format=torch.channels_last),
    ],
    ids=["odd", "double", "one image", "channels last"],
)
def test_other_images_are_pooled_by_the_library(images: Tensor) -> None:
    pooled = halved(images)
    assert torch.equal(pooled, F.max_pool2d(images, 2))
    assert pooled.stride() == F.max_pool2d(images, 2).stride()


@pytest.mark.parametrize(
    "layer",
    [
        nn.MaxPool2d(3),
        nn.MaxPool2d(2, stride=1),
        nn.MaxPool2d(2, padding=1),
        nn.MaxPool2d(2, dilation=2),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.MaxPool2d(2, return_indices=True),
        nn.AvgPool2d(2),
    ],
    ids=repr,
)
def test_other_layers_are_left_alone(layer: nn.Module) -> None:
    assert quicken(nn.Sequential(layer)) == []


def test_a_model_is_as_before_when_the_context_is_closed() -> None:
    model = build(GREY, Rng(0))
    with quick_pools(model):
        assert len([m for m in model.modules() if "forward" in vars(m)]) == 2
        with quick_pools(model):
            pass
        assert len([m for m in model.modules() if "forward" in vars(m)]) == 2
    assert not [m for m in model.modules() if "forward" in vars(m)]


def test_its_gradient_is_differentiated_as_that_of_max_pool2d() -> None:
    """A penalty on gradients, as a stranger's hook may add to a loss."""
    images = torch.randn(2, 3, 4, 6, generator=Rng(0).torch())
    found = []
    for pool in (halved, lambda x: F.max_pool2d(x, 2)):
        inputs = images.clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad((pool(inputs) ** 3).sum(), inputs, create_graph=True)
        (gradient**2).sum().backward()
        assert inputs.grad is not None
        found.append((gradient.detach(), inputs.grad))
    (mine, my_second), (theirs, their_second) = found
    torch.testing.assert_close(mine, theirs)
    torch.testing.assert_close(my_second, their_second)


def test_training_gives_the_same_bits_as_with_the_pooling_of_the_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def trained() -> Model:
        model, rng = build(GREY, Rng(0)), Rng(1).torch()
        images = torch.rand(96, 1, 8, 8, generator=rng)
        examples = Examples(images, torch.randint(0, 10, (96,), generator=rng))
        recipe = Recipe(steps=20, batch=32, augment=Augment(rotation=10, shift=0.1))
        Trainer().train(model, examples, recipe, Rng(2))
        return model

    quick = trained()
    monkeypatch.setattr(engine, "quick_pools", lambda model: contextlib.nullcontext())
    assert quick.digest() == trained().digest()
