"""Fine-pruning: the least active channels, asleep from the first step to the last."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import PlayerError
from arena.game.rules.threat import ThreatModel, preset
from arena.world import layers
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task
from attackers.modify.fine_prune import FinePrune, channel_masks, late_group, sleepy
from tests.attackers.conftest import COMPUTE, Thief

GRANTS = preset("whitebox_third")
SHORT = FinePrune(epochs=2)
UNTUNED = FinePrune(epochs=0)


@given(st.integers(1, 40), st.floats(0, 1), st.integers(0, 99))
def test_the_sleepy_are_the_least_active_and_one_stays_awake(
    n: int, rate: float, seed: int
) -> None:
    activity = torch.rand(n, generator=Rng(seed).torch())
    found = sleepy(activity, rate)
    assert len(found) == min(round(rate * n), n - 1)
    awake = torch.ones(n, dtype=torch.bool).index_fill(0, found, False)
    if len(found):
        assert float(activity[found].max()) <= float(activity[awake].min())


def test_the_channels_are_those_of_the_last_convolution(trained: Model) -> None:
    last = layers.convolutions(trained, trained.card.input_shape)[-1]
    assert [p.slot.layer for p in late_group(trained).producers] == [last]
    named = late_group(trained, "body.conv1")
    assert [p.slot.layer for p in named.producers] == ["body.conv1"]


def test_without_convolutions_it_is_the_last_hidden_layer(task: Task) -> None:
    model = build(task.card_for("mlp"), Rng(0))
    names = layers.weighted(model, task.card.input_shape)
    assert [p.slot.layer for p in late_group(model).producers] == [names[-2]]


@pytest.mark.parametrize("attack", [UNTUNED, SHORT], ids=repr)
def test_the_least_active_channels_are_silent_in_the_delivered_model(
    thief: Thief, attack: FinePrune
) -> None:
    world = thief(GRANTS)
    model, name = world.play(attack), "body.pool2"  # what reads the channels sees them pooled
    images = world.task.splits.thief.images
    before, after = (
        COMPUTE.activations(m.copy(), images, [name])[name].mean((0, 2, 3))
        for m in (world.victim, model)
    )
    silent = after == 0
    assert int(silent.sum()) >= round(0.8 * len(before))
    expected = sleepy(before, 0.8)
    assert bool(silent[expected].all())
    weight = layers.weight(model, "body.conv3")
    assert weight[expected].abs().max().item() == 0
    assert weight.shape == layers.weight(world.victim, "body.conv3").shape


def test_without_a_step_all_else_is_as_it_was(thief: Thief) -> None:
    world = thief(GRANTS)
    model = world.play(UNTUNED)
    masks = channel_masks(world.victim, late_group(world.victim), torch.arange(0))
    touched = {name for name, mask in masks.items() if mask.dim()}
    before, after = world.victim.state_dict(), model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before if name not in touched)
    assert world.spent("steps") == 0


def test_masks_cover_what_writes_and_what_reads_a_channel(trained: Model) -> None:
    group = late_group(trained)
    masks = channel_masks(trained, group, torch.tensor([0, 2]))
    written, read = masks["body.conv3.weight"], masks["body.fc1.weight"]
    assert written[[0, 2]].all()
    assert not written[[1, 3]].any()
    block = read.shape[1] // group.n_units
    assert read[:, :block].all()
    assert not read[:, block : 2 * block].any()


def test_fine_tuning_repairs_what_pruning_breaks(thief: Thief) -> None:
    world = thief(GRANTS)
    harsh = replace(UNTUNED, rate=0.95)
    broken, repaired = world.play(harsh), world.play(replace(harsh, epochs=20))
    assert world.accuracy(repaired) > world.accuracy(broken) + 0.1


def test_labels_are_the_models_own_answers_or_the_truth(thief: Thief) -> None:
    own, truth = (thief(GRANTS).play(replace(SHORT, labels=x)) for x in ("model", "truth"))
    assert own.digest() != truth.digest()
    unlabelled = thief(ThreatModel(output="weights", data=1))
    assert unlabelled.play(SHORT).digest() == own.digest()


def test_the_cost_is_that_of_fine_tuning_and_no_query(thief: Thief, trained: Model) -> None:
    world = thief(GRANTS)
    world.play(replace(SHORT, labels="truth"))
    n = len(world.task.splits.thief)
    assert world.spent("steps") == 2 * math.ceil(n / 64)
    assert world.spent("images_forward") == n + 2 * n
    assert world.spent("images_queried") == 0
    assert world.victim.digest() == trained.digest()


@pytest.mark.parametrize("layer", ["body.conv9", "body.fc2"])
def test_a_layer_without_channels_of_its_own_is_refused(thief: Thief, layer: str) -> None:
    with pytest.raises(PlayerError, match=f"a layer '{layer}' with channels of its own"):
        thief(GRANTS).play(replace(SHORT, layer=layer))


def test_a_model_without_a_hidden_layer_is_refused(thief: Thief) -> None:
    world = thief(GRANTS)
    softmax = build(world.task.card_for("softmax"), Rng(0))
    with pytest.raises(PlayerError, match="expected a hidden layer"):
        thief(GRANTS, softmax).play(SHORT)


@pytest.mark.parametrize("rate", [-0.1, 1.1])
def test_a_share_outside_0_to_1_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match=r"a rate in \[0, 1\]"):
        FinePrune(rate=rate)


def test_strength_turns_the_rate() -> None:
    assert (FinePrune().at(0).rate, FinePrune().at(1).rate) == pytest.approx((0.2, 0.96))
