"""Resized models: layers take the widths and kernels of the tensors, if they fit together."""

from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from arena.errors import ModelError
from arena.world.models import Model, ModelCard, build, pack, restore, unpack
from arena.world.models.resize import resize
from arena.world.rng import Rng


def card(name: str = "cnn8", shape: tuple[int, ...] = (1, 8, 8), **arguments: object) -> ModelCard:
    return ModelCard(
        architecture=name,
        arguments=arguments,
        n_classes=4,
        input_shape=shape,
        mean=(0.5,),
        std=(0.25,),
    )


def convolution(model: nn.Module, name: str) -> nn.Conv2d:
    layer = model.get_submodule(name)
    assert isinstance(layer, nn.Conv2d)
    return layer


def as_resized(plain: ModelCard) -> ModelCard:
    return plain.model_copy(update={"resized": True})


def state_of(model: Model) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in model.state_dict().items()}


def with_extra_channels(state: dict[str, Tensor], n_extra: int) -> dict[str, Tensor]:
    """Widen conv1 of a CNN by channels that the next layer multiplies by zero."""
    draw = Rng(8).torch()
    widened = dict(state)
    for key in ("conv1.weight", "conv1.bias", "norm1.weight", "norm1.bias", "norm1.running_mean"):
        old = state[f"body.{key}"]
        noise = torch.randn(n_extra, *old.shape[1:], generator=draw)
        widened[f"body.{key}"] = torch.cat([old, noise])
    widened["body.norm1.running_var"] = pad(state["body.norm1.running_var"], (0, n_extra), value=1)
    widened["body.conv2.weight"] = pad(state["body.conv2.weight"], (0, 0, 0, 0, 0, n_extra))
    return widened


def test_idle_channels_change_the_shapes_but_not_the_logits() -> None:
    model = build(card(), Rng(1))
    widened = restore(as_resized(card()), with_extra_channels(state_of(model), 5))
    conv1, conv2 = (convolution(widened, f"body.{name}") for name in ("conv1", "conv2"))
    assert (conv1.out_channels, conv2.in_channels) == (21, 21)
    assert widened.body.get_submodule("norm1").num_features == 21
    x = torch.rand(6, 1, 8, 8, generator=Rng(2).torch())
    assert torch.allclose(widened(x), model(x), atol=1e-5)


def test_a_larger_kernel_with_a_zero_rim_is_padded_to_the_same_output() -> None:
    model = build(card(), Rng(1))
    state = state_of(model)
    state["body.conv2.weight"] = pad(state["body.conv2.weight"], (1, 1, 1, 1))
    grown = restore(as_resized(card()), state)
    conv2 = convolution(grown, "body.conv2")
    assert (conv2.kernel_size, conv2.padding) == ((5, 5), (2, 2))
    x = torch.rand(6, 1, 8, 8, generator=Rng(2).torch())
    assert torch.allclose(grown(x), model(x), atol=1e-5)


def test_fewer_channels_are_a_pruned_model() -> None:
    model = build(card("mlp", (16,), hidden=(8, 6), norm="batch"), Rng(1))
    kept, state = torch.tensor([0, 2, 5]), state_of(model)
    for key in ("fc1.weight", "fc1.bias", "norm1.weight", "norm1.bias"):
        state[f"body.{key}"] = state[f"body.{key}"][kept]
    for key in ("running_mean", "running_var"):
        state[f"body.norm1.{key}"] = state[f"body.norm1.{key}"][kept]
    state["body.fc2.weight"] = state["body.fc2.weight"][:, kept]
    pruned = restore(as_resized(model.card), state)
    assert pruned.body.get_submodule("fc1").out_features == 3
    assert pruned.n_parameters == model.n_parameters - 5 * (16 + 1 + 2 + 6)
    assert pruned(torch.zeros(2, 16)).shape == (2, 4)


@pytest.mark.parametrize("name", ["resnet8", "resnet20", "resnet18"])
def test_a_residual_block_can_be_widened_inside(name: str) -> None:
    model = build(card(name, (3, 8, 8)), Rng(1))
    block = model.body.get_submodule("stage1.0")
    conv1, conv2 = (convolution(block, name) for name in ("conv1", "conv2"))
    with_bias = conv1.bias is not None
    block.conv1 = nn.Conv2d(conv1.in_channels, 70, 3, padding=1, bias=with_bias)
    block.norm1 = nn.BatchNorm2d(70)
    block.conv2 = nn.Conv2d(70, conv2.out_channels, 3, padding=1, bias=with_bias)
    model.card = as_resized(model.card)
    again = unpack(pack(model.eval()))
    x = torch.rand(2, 3, 8, 8, generator=Rng(2).torch())
    assert again.digest() == model.digest()
    assert torch.equal(again(x), model(x))


def test_a_resized_card_also_takes_a_model_that_has_its_first_shapes() -> None:
    model = build(card(), Rng(1))
    again = restore(as_resized(card()), model.state_dict())
    assert torch.equal(again(torch.ones(1, 1, 8, 8)), model(torch.ones(1, 1, 8, 8)))


def test_without_the_mark_a_difference_is_refused() -> None:
    state = with_extra_channels(state_of(build(card(), Rng(1))), 2)
    with pytest.raises(ModelError, match=r"conv1.weight should have the shape \(16, 1, 3, 3\)"):
        restore(card(), state)


@pytest.mark.parametrize(
    ("key", "shape", "words"),
    [
        ("conv2.weight", (32, 17, 3, 3), "do not fit"),
        ("conv2.weight", (32, 16, 4, 4), "do not fit"),
        ("conv2.weight", (32, 16, 0, 0), "needs at least one channel"),
        ("conv2.weight", (32, 16, 3), r"should have the shape \(32, 16, 3, 3\)"),
        ("conv2.weight", (33, 16, 3, 3), r"conv2.bias should have the shape \(33,\)"),
        ("fc1.weight", (64, 100), "do not fit"),
        ("fc1.weight", (64,), "should have the shape"),
        ("norm1.weight", (17,), r"norm1.bias should have the shape \(17,\)"),
    ],
)
def test_layers_that_do_not_fit_are_refused(key: str, shape: tuple[int, ...], words: str) -> None:
    state = state_of(build(card(), Rng(1)))
    state[f"body.{key}"] = torch.zeros(shape)
    with pytest.raises(ModelError, match=words):
        restore(as_resized(card()), state)


def test_a_model_with_another_number_of_classes_is_refused() -> None:
    state = state_of(build(card(), Rng(1)))
    state |= {"body.fc2.weight": torch.zeros(5, 64), "body.fc2.bias": torch.zeros(5)}
    with pytest.raises(ModelError, match=r"return \(1, 4\) outputs, found \(1, 5\)"):
        restore(as_resized(card()), state)


# --- single layers ---


Layer = TypeVar("Layer", bound=nn.Module)


def resized_layer(layer: Layer, *shape: int) -> Layer:
    network = nn.Sequential(layer)
    resize(network, {"0.weight": torch.Size(shape)})
    assert isinstance(network[0], type(layer))
    return network[0]


def test_depthwise_convolutions_stay_depthwise() -> None:
    new = resized_layer(nn.Conv2d(8, 8, 3, padding=1, groups=8), 11, 1, 5, 5)
    assert (new.in_channels, new.out_channels, new.groups) == (11, 11, 11)
    assert new.padding == (2, 2)


def test_depthwise_convolutions_keep_their_multiplier() -> None:
    new = resized_layer(nn.Conv2d(4, 8, 3, groups=4), 6, 1, 3, 3)
    assert (new.in_channels, new.out_channels, new.groups) == (3, 6, 3)


def test_grouped_convolutions_keep_their_groups() -> None:
    new = resized_layer(nn.Conv2d(8, 8, 3, groups=2), 12, 5, 3, 3)
    assert (new.in_channels, new.out_channels, new.groups) == (10, 12, 2)


def test_channels_that_no_group_can_share_are_refused() -> None:
    with pytest.raises(ModelError, match=r"0.weight cannot have the shape \(7, 4, 3, 3\)"):
        resized_layer(nn.Conv2d(8, 8, 3, groups=2), 7, 4, 3, 3)


def test_a_kernel_too_small_for_its_padding_is_refused() -> None:
    with pytest.raises(ModelError, match=r"too small"):
        resized_layer(nn.Conv2d(1, 1, 5, padding=1), 1, 1, 1, 1)


def test_the_other_settings_of_a_convolution_are_kept() -> None:
    old = nn.Conv2d(2, 4, 3, 2, padding=2, dilation=2, bias=False, padding_mode="reflect")
    new = resized_layer(old, 6, 2, 5, 5)
    assert (new.stride, new.dilation, new.bias) == ((2, 2), (2, 2), None)
    assert (new.padding, new.padding_mode) == ((4, 4), "reflect")
    x = torch.zeros(1, 2, 9, 9)
    assert new(x).shape[2:] == old(x).shape[2:]


def test_padding_by_name_is_kept() -> None:
    assert resized_layer(nn.Conv2d(2, 4, 3, padding="same"), 4, 2, 7, 7).padding == "same"


def test_batch_normalisation_keeps_its_settings() -> None:
    new = resized_layer(nn.BatchNorm2d(4, eps=1e-3, momentum=0.3), 7)
    assert (new.num_features, new.eps, new.momentum) == (7, 1e-3, 0.3)


def test_layers_of_the_right_shape_are_not_replaced() -> None:
    layer = nn.Conv2d(2, 4, 3)
    assert resized_layer(layer, 4, 2, 3, 3) is layer


def test_layers_of_other_kinds_are_left_alone() -> None:
    layer = nn.LayerNorm(4)
    assert resized_layer(layer, 5) is layer
