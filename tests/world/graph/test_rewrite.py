"""Rewritings keep the function, leave their input alone and can be packed."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from arena.errors import ArenaError
from arena.world.graph import Group, LayerGraph, Plan, expand_kernel, flip, permute, rebuild, scale
from arena.world.models import Model, pack, unpack
from arena.world.rng import Rng
from tests.world.graph.networks import (
    NETWORKS,
    TRANSFORMS,
    difference,
    draw_factors,
    draw_order,
    every_model,
    groups,
    inputs,
    own,
    zoo,
)

pytestmark = pytest.mark.long

TOLERANCE = 1e-4  # of logits in float32
own_networks = pytest.mark.parametrize("name", [network.__name__ for network in NETWORKS])
every_transform = pytest.mark.parametrize("transform", TRANSFORMS)


@every_transform
@every_model
def test_every_transform_keeps_the_function_of_every_model_of_the_zoo(
    name: str, transform: str
) -> None:
    model = zoo(name)
    before = model.digest()
    rewritten = TRANSFORMS[transform](model, Rng(3).torch())
    assert difference(model, rewritten, 16) < TOLERANCE
    assert model.digest() == before


@every_transform
@own_networks
def test_every_transform_keeps_the_function_of_networks_with_traps(
    name: str, transform: str
) -> None:
    model = own(name)
    assert difference(model, TRANSFORMS[transform](model, Rng(4).torch())) < TOLERANCE


@settings(max_examples=20, deadline=None)
@given(
    name=st.sampled_from(["mlp-bn", "cnn8", "cnn8-plain"]),
    transforms=st.lists(st.sampled_from(sorted(TRANSFORMS)), min_size=1, max_size=4),
    seed=st.integers(0, 2**20),
)
def test_transforms_can_be_chained_in_any_order(
    name: str, transforms: list[str], seed: int
) -> None:
    model, draw = zoo(name), Rng(seed).torch()
    rewritten = model
    for transform in transforms:
        rewritten = TRANSFORMS[transform](rewritten, draw)
    assert difference(model, rewritten) < TOLERANCE * 10  # rounding adds up
    again = unpack(pack(rewritten))
    assert again.digest() == rewritten.digest()


@pytest.mark.parametrize(
    ("transform", "resized"),
    [("shuffled", False), ("scaled", False), ("flipped", False), ("idle", True), ("grown", True)],
)
def test_the_card_says_whether_shapes_differ(transform: str, resized: bool) -> None:
    rewritten = TRANSFORMS[transform](zoo("cnn8"), Rng(5).torch())
    assert rewritten.card.resized is resized


def test_every_transform_changes_the_weights() -> None:
    model = zoo("resnet20")
    digests = {name: f(model, Rng(6).torch()).digest() for name, f in TRANSFORMS.items()}
    assert len({model.digest(), *digests.values()}) == 1 + len(TRANSFORMS)


def test_a_permutation_and_its_inverse_give_the_same_bits() -> None:
    model, draw = zoo("resnet20"), Rng(7).torch()
    orders = {group: draw_order(group, draw) for group in groups(model)}
    there = permute(model, orders)
    back = permute(there, {group: order.argsort() for group, order in orders.items()})
    assert there.digest() != model.digest()
    assert back.digest() == model.digest()


def test_unit_u_of_the_result_is_the_unit_that_the_order_names() -> None:
    model = zoo("cnn8")
    group, order = groups(model)[0], torch.arange(16).roll(1)
    moved = permute(model, {group: order}).state_dict()
    for name, tensor in model.state_dict().items():
        if name.startswith(("body.conv1.", "body.norm1.")) and tensor.dim():
            assert torch.equal(moved[name], tensor[order])
    old = model.state_dict()["body.conv2.weight"]
    assert torch.equal(moved["body.conv2.weight"], old[:, order])


def test_scale_enters_behind_the_norm_and_leaves_the_weights_before_it() -> None:
    model = zoo("cnn8")
    group, factors = groups(model)[0], draw_factors(groups(model)[0], Rng(8).torch())
    old, new = model.state_dict(), scale(model, {group: factors}).state_dict()
    assert torch.equal(new["body.conv1.weight"], old["body.conv1.weight"])
    assert torch.allclose(new["body.norm1.weight"], old["body.norm1.weight"] * factors)
    expected = old["body.conv2.weight"] / factors.view(1, -1, 1, 1)
    assert torch.allclose(new["body.conv2.weight"], expected)


def test_flip_negates_weights_bias_mean_and_scale_and_nothing_else() -> None:
    model = zoo("cnn8")
    group = groups(model)[0]
    old, new = model.state_dict(), flip(model, {group: -torch.ones(16)}).state_dict()
    negated = {
        "body.conv1.weight",
        "body.conv1.bias",
        "body.norm1.weight",
        "body.norm1.running_mean",
    }
    for name, tensor in old.items():
        assert torch.equal(new[name], -tensor if name in negated else tensor), name


def test_a_linear_layer_may_be_scaled_by_factors_of_either_sign() -> None:
    model = own("Activations")
    group = LayerGraph.of(model)["body.linear"]
    factors = torch.tensor([-2.0, 0.5, -1, 1, 3, -0.1])
    assert difference(model, scale(model, {group: factors})) < TOLERANCE


def test_removing_units_prunes_their_rows_and_columns() -> None:
    model = zoo("cnn8")
    first, second, third, _ = groups(model)
    kept = torch.tensor([1, 3, 4])
    pruned = rebuild(model, {g: Plan.keep(g.n_units, kept) for g in (third, first, second)})
    conv2 = pruned.body.get_submodule("conv2")
    assert isinstance(conv2, nn.Conv2d)
    assert (conv2.in_channels, conv2.out_channels) == (3, 3)
    old = model.state_dict()["body.fc1.weight"].view(64, 32, 4)
    assert torch.equal(pruned.get_parameter("body.fc1.weight"), old[:, kept].flatten(1))
    assert pruned(inputs(model, 2)).shape == (2, 4)


def test_cancelling_is_exact_at_every_position_behind_a_flatten() -> None:
    model = zoo("lenet5")
    group = LayerGraph.of(model)["body.conv2"]
    draw = Rng(9).torch()
    plan = Plan.keep(16).clique(
        0, torch.randn(16, generator=draw) / 4, torch.randn(4, 16, generator=draw)
    )
    widened = rebuild(model, {group: plan})
    columns = widened.get_parameter("body.fc1.weight").detach().view(120, 20, 49)[:, 16:]
    assert float(columns.abs().max()) > 0.1
    assert torch.allclose(columns.sum(1), torch.zeros(120, 49), atol=1e-5)
    assert difference(model, widened) < TOLERANCE


def test_a_kernel_grows_about_its_centre() -> None:
    model = zoo("cnn8")
    grown = expand_kernel(model, ["body.conv2"], rim=2)
    old, new = (m.state_dict()["body.conv2.weight"] for m in (model, grown))
    assert torch.equal(new, torch.nn.functional.pad(old, (2, 2, 2, 2)))


@pytest.mark.parametrize(
    ("model", "group", "call", "words"),
    [
        ("cnn8", "body.conv1", lambda m, g: permute(m, {g: torch.zeros(16)}), "each of its 16"),
        ("cnn8", "body.conv1", lambda m, g: scale(m, {g: torch.zeros(16)}), "above 0"),
        ("cnn8", "body.conv1", lambda m, g: scale(m, {g: -torch.ones(16)}), "above 0"),
        ("cnn8", "body.conv1", lambda m, g: scale(m, {g: torch.ones(3)}), "16 units"),
        ("cnn8", "body.conv1", lambda m, g: flip(m, {g: torch.full((16,), 2.0)}), "-1 or 1"),
        ("mlp", "body.fc1", lambda m, g: flip(m, {g: torch.ones(128)}), "cannot be flipped"),
        ("cnn8", "body.conv1", lambda m, g: rebuild(m, {g: Plan.keep(5)}), "out of 16"),
        (
            "cnn8",
            "body.conv1",
            lambda m, g: rebuild(m, {g: Plan.keep(16, torch.tensor([], dtype=torch.long))}),
            "at least one unit",
        ),
        ("Activations", "body.other", lambda m, g: scale(m, {g: torch.ones(6)}), "be scaled"),
        ("FixedView", "body.conv", lambda m, g: rebuild(m, {g: Plan.keep(4)}), "be resized"),
    ],
)
def test_what_would_change_the_function_is_refused(
    model: str, group: str, call: Callable[[Model, Group], Model], words: str
) -> None:
    network = zoo(model) if model in ("cnn8", "mlp") else own(model)
    with pytest.raises(ArenaError, match=words):
        call(network, LayerGraph.of(network)[group])


def test_a_group_of_a_wider_model_is_refused() -> None:
    model = zoo("cnn8")
    widened = TRANSFORMS["idle"](model, Rng(1).torch())
    with pytest.raises(ArenaError, match="trace the model anew"):
        scale(model, {groups(widened)[0]: torch.ones(18)})


@pytest.mark.parametrize("layer", ["body.fc1", "body.nothing"])
def test_only_convolutions_grow(layer: str) -> None:
    with pytest.raises(ArenaError, match="only convolutions"):
        expand_kernel(zoo("cnn8"), [layer])
