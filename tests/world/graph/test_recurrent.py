"""Hidden units of an LSTM: reordered and reversed without a change, and found again."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import Tensor

from arena.errors import NotComparable
from arena.world.compute import Compute
from arena.world.graph import Group, LayerGraph, align, flip, permute
from arena.world.graph.recurrent import hidden_group
from arena.world.models import Model, ModelCard, build
from arena.world.models.nets.captioner import Captioner
from arena.world.models.nets.recurrence import HiddenUnits
from arena.world.rng import Rng
from arena.world.task import TaskSpec, load_task

CARD = ModelCard(
    kind="captioner",
    architecture="attend-lstm",
    arguments={"width": 4, "hidden": 12},
    input_shape=(1, 8, 16),
    output_shape=(3,),
    mean=(0.5,),
    std=(0.5,),
    words=("", "a", "b", "c", "d"),
)
IMAGES = torch.rand(40, 1, 8, 16, generator=Rng(1).torch())
CAPTIONS = torch.randint(0, 5, (40, 3), generator=Rng(2).torch())


@pytest.fixture(scope="module")
def model() -> Model:
    return build(CARD, Rng(3))


def hidden(model: Model) -> Group:
    (group,) = LayerGraph.of(model).groups
    return group


def logits(model: Model) -> Tensor:
    body = cast(Captioner, model.body)
    with torch.no_grad(), body.taught(CAPTIONS):
        return cast(Tensor, model(IMAGES))


def first_states(model: Model) -> Tensor:
    return Compute().activations(model, IMAGES, ["body.hidden"])["body.hidden"]


@pytest.fixture(scope="module")
def order() -> Tensor:
    return torch.randperm(12, generator=Rng(4).torch())


@pytest.fixture(scope="module")
def signs() -> Tensor:
    return torch.tensor([1.0, -1.0] * 6)


def test_units_in_another_order_do_the_same(model: Model, order: Tensor) -> None:
    moved = permute(model, {hidden(model): order})
    assert torch.allclose(logits(moved), logits(model), atol=1e-5)
    assert torch.allclose(first_states(moved), first_states(model)[:, order], atol=1e-6)


def test_reversed_units_show_the_negative_and_say_the_same(model: Model, signs: Tensor) -> None:
    turned = flip(model, {hidden(model): signs})
    assert torch.allclose(logits(turned), logits(model), atol=1e-5)
    assert torch.allclose(first_states(turned), first_states(model) * signs, atol=1e-6)
    assert torch.equal(
        flip(turned, {hidden(turned): signs}).state_dict()["body.lstm.weight_hh_l0"],
        model.state_dict()["body.lstm.weight_hh_l0"],
    )


def test_the_aligner_undoes_both(model: Model, order: Tensor, signs: Tensor) -> None:
    moved = permute(model, {hidden(model): order})
    moved = flip(moved, {hidden(moved): signs})
    back, report = align(moved, model, IMAGES, Compute())
    assert all(torch.equal(back.state_dict()[k], t) for k, t in model.state_dict().items())
    (group,) = report.groups
    assert (group.n_matched, group.n_flipped, group.n_missing) == (12, 6, 0)


def test_units_may_be_neither_scaled_nor_added(model: Model) -> None:
    group = hidden(model)
    assert group.may_flip
    assert not group.may_scale
    assert not group.may_resize


def test_what_is_left_is_named(model: Model) -> None:
    left = LayerGraph.of(model).left
    assert "only hidden units are followed" in left["body.encoder.conv1"]
    assert "body.lstm" not in left


def test_a_layer_that_is_no_lstm_is_refused(model: Model) -> None:
    units = HiddenUnits("word", (), "hidden", (), "fed", ())
    with pytest.raises(NotComparable, match="an LSTM or GRU of one level"):
        hidden_group(model, units)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_units_that_read_rows_are_followed_too(cell: str, order: Tensor, signs: Tensor) -> None:
    arguments = {"hidden": 12, "cell": cell}
    task = load_task(TaskSpec.model_validate({"model": "row-rnn", "arguments": arguments}))
    model, images = build(task.card, Rng(5)), task.splits.test.images[:60]
    moved = permute(model, {hidden(model): order})
    moved = flip(moved, {hidden(moved): signs})
    outputs = Compute().outputs(model, images)
    assert torch.allclose(Compute().outputs(moved, images), outputs, atol=1e-5)
    back, report = align(moved, model, images, Compute())
    assert all(torch.equal(back.state_dict()[k], t) for k, t in model.state_dict().items())
    assert report.groups[0].n_flipped == 6
