"""The layer graph: which channels are tied, where they lie, and what may be done to them."""

import pytest
import torch
from torch import nn

from arena.errors import NotComparable
from arena.world.graph import Group, LayerGraph, Plan, Producer, Slot, rebuild
from arena.world.models import ModelCard, build
from arena.world.rng import Rng
from tests.world.graph.networks import TRANSFORMS, every_model, groups, own, zoo


def writers(group: Group) -> list[str]:
    return [producer.slot.layer.removeprefix("body.") for producer in group.producers]


def readers(group: Group) -> list[str]:
    return [slot.layer.removeprefix("body.") for slot in group.consumers]


def test_a_chain_has_one_group_for_each_hidden_layer() -> None:
    found = groups(zoo("lenet5-bn"))
    assert [group.name for group in found] == ["body.conv1", "body.conv2", "body.fc1", "body.fc2"]
    assert [group.n_units for group in found] == [6, 16, 120, 84]
    assert [readers(group) for group in found] == [["conv2"], ["fc1"], ["fc2"], ["fc3"]]
    assert [group.activation for group in found] == ["homogeneous"] * 4
    assert [group.may_flip for group in found] == [True, True, False, False]
    assert all(group.may_scale and group.may_resize for group in found)


def test_behind_a_flatten_a_unit_owns_a_block_of_columns() -> None:
    (_, conv2, *_) = groups(zoo("lenet5-bn"))
    assert conv2.producers == (
        Producer(Slot("body.conv2", "out"), norm=Slot("body.norm2", "norm")),
    )
    assert conv2.consumers == (Slot("body.fc1", "in", 0, 49),)
    assert conv2.shown == (Slot("body_flatten", "value", 0, 49),)


def test_a_residual_stream_is_one_group() -> None:
    graph = LayerGraph.of(zoo("resnet20"))
    assert len(graph.groups) == 12
    stream = graph["body.stage2.0.conv2"]
    assert writers(stream) == [
        "stage2.0.conv2",
        "stage2.0.shortcut.0",
        "stage2.1.conv2",
        "stage2.2.conv2",
    ]
    assert [producer.norm is None for producer in stream.producers] == [False, True, False, False]
    assert readers(stream) == [
        "stage2.1.conv1",
        "stage2.2.conv1",
        "stage3.0.conv1",
        "stage3.0.shortcut.0",
    ]
    assert stream.may_flip
    assert stream.flips_in_norms


def test_groups_come_in_the_order_in_which_they_are_first_written() -> None:
    model = zoo("resnet20")
    order = [name for name, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    first = [order.index(group.name) for group in groups(model)]
    assert first == sorted(first)


@every_model
def test_every_channel_of_the_zoo_is_in_at_most_one_group_and_none_is_a_logit(name: str) -> None:
    model = zoo(name)
    state = model.state_dict()
    taken: set[tuple[str, str, int]] = set()
    for group in groups(model):
        for slot in (*(p.slot for p in group.producers), *group.all_norms(), *group.consumers):
            axis = 1 if slot.side == "in" else 0
            size = state[f"{slot.layer}.weight"].shape[axis]
            stop = slot.start + slot.block * group.n_units
            places = {(slot.layer, slot.side, place) for place in range(slot.start, stop)}
            assert stop <= size
            assert taken.isdisjoint(places)
            taken |= places
    hidden = [layer for layer, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert not any(layer == hidden[-1] and side == "out" for layer, side, _ in taken)


def test_the_model_is_only_read() -> None:
    model = zoo("cnn8").train()
    before = model.digest()
    LayerGraph.of(model)
    assert model.training
    assert model.digest() == before


def test_two_branches_that_are_added_share_their_units() -> None:
    both, inner = groups(own("Residual"))
    assert writers(both) == ["left", "right"]
    assert readers(both) == ["one", "two"]
    assert both.shown == (Slot("relu", "value"),)
    assert writers(inner) == ["one", "two"]


def test_a_sum_with_a_concatenation_splits_the_other_side_in_parts() -> None:
    graph = LayerGraph.of(own("HalvesTied"))
    first, second = graph.groups
    assert (first.n_units, second.n_units) == (4, 5)
    assert writers(first) == ["a", "c"]
    assert writers(second) == ["b", "c"]
    assert second.producers[1] == Producer(Slot("body.c", "out", 4), Slot("body.norm", "norm", 4))
    assert second.consumers == (Slot("body.head", "in", 4 * 64, 64),)
    assert graph.writing("body.c") == (first, second)
    assert graph.reading("body.head") == (first, second)


def test_channels_that_are_concatenated_twice_have_two_slots() -> None:
    (group,) = groups(own("TwiceRead"))
    assert group.norms == (Slot("body.norm", "norm", 0), Slot("body.norm", "norm", 4))
    assert group.consumers == (Slot("body.head", "in", 0, 4), Slot("body.head", "in", 16, 4))
    assert not group.may_scale
    assert not group.may_flip


def test_a_shared_convolution_reads_and_writes_one_group() -> None:
    (group,) = groups(own("SharedWeights"))
    assert writers(group) == ["first", "loop"]
    assert readers(group) == ["loop", "head"]


@pytest.mark.parametrize(
    ("network", "kept"),
    [
        ("TiedParameter", []),
        ("TwoNames", []),
        ("Strange", ["body.free"]),
        ("Branching", []),
    ],
)
def test_what_is_not_understood_is_not_offered(network: str, kept: list[str]) -> None:
    assert [group.name for group in groups(own(network))] == kept


def test_a_depthwise_convolution_is_in_the_group_that_it_reads() -> None:
    group, after = groups(own("Depthwise"))
    assert group.producers == (
        Producer(Slot("body.wide", "out"), None),
        Producer(Slot("body.depth", "out", 0, 2), None, per_channel=True),
    )
    assert group.consumers == (Slot("body.narrow", "in", 0, 2),)
    assert after.activation == "none"


def test_the_activation_says_what_may_be_done() -> None:
    graph = LayerGraph.of(own("Activations"))
    expected = {
        "linear": ("none", True, True, True),
        "odd": ("odd", False, True, True),
        "other": ("other", False, False, True),
        "shifted": ("other", False, False, True),
        "gate": ("none", False, False, False),
    }
    for name, facts in expected.items():
        group = graph[f"body.{name}"]
        assert (group.activation, group.may_scale, group.may_flip, group.may_resize) == facts, name


def test_a_width_in_the_code_cannot_change() -> None:
    (group,) = groups(own("FixedView"))
    assert group.may_scale
    assert not group.may_resize


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3_small"])
def test_mobile_networks_offer_their_bottlenecks_for_scaling(name: str) -> None:
    found = groups(zoo(name))
    assert len(found) >= 20
    assert all(group.may_resize for group in found)
    assert any(group.may_scale for group in found)
    assert {group.activation for group in found} >= {"none", "other"}
    hidden = [group for group in found if any(p.per_channel for p in group.producers)]
    assert hidden


@pytest.mark.slow
def test_a_squeeze_and_excitation_gate_is_tied_to_what_it_gates() -> None:
    graph = LayerGraph.of(zoo("mobilenet_v3_small"))
    gates = [g for g in graph.groups if any("fc2" in layer for layer in writers(g))]
    assert gates
    assert not any(gate.may_scale for gate in gates)
    assert all(any("fc1" in layer for layer in readers(gate)) for gate in gates)


@pytest.mark.parametrize("name", ["lenet5", "cnn8", "mlp-bn", "resnet20"])
def test_a_resized_graph_is_the_graph_of_the_resized_model(name: str) -> None:
    model = zoo(name)
    graph = LayerGraph.of(model)
    for group in graph.groups:
        kept = torch.arange(group.n_units - 2)
        pruned = rebuild(model, {group: Plan.keep(group.n_units, kept)})
        assert graph.resized(group.name, len(kept)) == LayerGraph.of(pruned)


def test_a_resized_graph_moves_what_lies_behind_a_concatenation() -> None:
    model = own("HalvesTied")
    graph = LayerGraph.of(model)
    wider = TRANSFORMS["idle"](model, Rng(1).torch())
    for group in graph.groups:
        graph = graph.resized(group.name, group.n_units + 2)
    assert graph == LayerGraph.of(wider)


def test_an_unknown_group_is_not_comparable() -> None:
    with pytest.raises(NotComparable, match=r"did you mean 'body\.conv1'"):
        LayerGraph.of(zoo("cnn8"))["body.conv11"]


def test_a_network_without_hidden_channels_has_no_groups() -> None:
    card = ModelCard(
        architecture="softmax", n_classes=4, input_shape=(16,), mean=(0.5,), std=(0.25,)
    )
    assert LayerGraph.of(build(card, Rng(1))).groups == ()


@every_model
def test_all_groups_of_the_zoo_can_be_resized(name: str) -> None:
    found = groups(zoo(name))
    assert found
    assert all(group.may_resize for group in found)
    assert all(group.shown and group.consumers for group in found)
