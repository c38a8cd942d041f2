"""Convolutions with fixed weights compute what the library's compute, forwards and backwards."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from arena.world.compute import Compute
from arena.world.frozen_conv import FixedConv2d, fix_convolutions, is_plain
from arena.world.models import Model
from arena.world.rng import Rng


@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.booleans(),
    st.data(),
)
def test_forward_and_backward_are_those_of_conv2d(
    n_in: int, n_out: int, kernel: tuple[int, int], bias: bool, data: st.DataObject
) -> None:
    padding = (data.draw(st.integers(0, kernel[0] - 1)), data.draw(st.integers(0, kernel[1] - 1)))
    layer = nn.Conv2d(n_in, n_out, kernel, padding=padding, bias=bias).requires_grad_(False)
    images = torch.rand(3, n_in, 9, 7, generator=Rng(0).torch())
    both = []
    for module in (layer, FixedConv2d(layer)):
        given_images = images.clone().requires_grad_(True)
        out = module(given_images)
        (gradient,) = torch.autograd.grad((out**2).sum(), given_images)
        both.append((out, gradient))
    torch.testing.assert_close(both[0][0], both[1][0])
    torch.testing.assert_close(both[0][1], both[1][1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(2, 2, 3, stride=2),
        nn.Conv2d(2, 2, 3, groups=2),
        nn.Conv2d(2, 2, 3, dilation=2),
        nn.Conv2d(2, 2, 3, padding=3),
        nn.Conv2d(2, 2, 3, padding="same"),
        nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"),
        nn.Linear(2, 2),
    ],
    ids=lambda layer: repr(layer)[:60],
)
def test_other_layers_are_left_alone(layer: nn.Module) -> None:
    assert not is_plain(layer)
    parent = nn.Sequential(layer)
    fix_convolutions(parent)
    assert parent[0] is layer


def test_the_model_that_is_viewed_is_not_changed(trained: Model) -> None:
    before, kinds = trained.digest(), [type(module) for module in trained.modules()]
    view = Compute().frozen(trained)
    assert any(isinstance(module, FixedConv2d) for module in view.modules())
    assert trained.digest() == before
    assert [type(module) for module in trained.modules()] == kinds
