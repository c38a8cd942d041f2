"""Magnitude pruning: masks, the schedule, what is spared, what comes back."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arena.game.rules.threat import preset
from arena.world.models import Model
from arena.world.rng import Rng
from attackers.modify.prune import Prune, Scope, cubic, masks, prunable, smallest, sparsity
from tests.attackers.conftest import Thief

GRANTS = preset("whitebox_third")
ONE_STROKE = Prune(epochs=0)
SHORT = Prune(epochs=2)
rates = st.floats(0, 1)


def weights(*sizes: int) -> dict[str, torch.Tensor]:
    """Return weights whose scale grows from layer to layer."""
    draw = Rng(0).torch()
    return {f"w{i}": torch.randn(n, generator=draw) * 2.0**i for i, n in enumerate(sizes)}


@given(st.integers(1, 300), rates)
def test_exactly_the_share_is_masked_and_nothing_smaller_is_left(n: int, rate: float) -> None:
    values = torch.randn(n, generator=Rng(n).torch())
    mask = smallest(values, rate)
    assert int(mask.sum()) == round(rate * n)
    if 0 < int(mask.sum()) < n:
        assert float(values[mask].abs().max()) <= float(values[~mask].abs().min())


def test_equal_values_are_masked_to_the_exact_number_too() -> None:
    assert int(smallest(torch.ones(4, 5), 0.35).sum()) == 7


@given(rates, st.sampled_from(["layer", "global"]))
def test_the_sparsity_is_the_rate_within_one_weight(rate: float, scope: Scope) -> None:
    made = weights(50, 200, 30)
    for name, mask in masks(made, rate, scope).items():
        made[name].masked_fill_(mask, 0.0)
        if scope == "layer":
            assert abs(sparsity({name: made[name]}) - rate) <= 1 / len(mask)
    assert abs(sparsity(made) - rate) <= (1 if scope == "global" else 3) / 280


def test_one_threshold_for_all_empties_the_layer_of_small_weights_first() -> None:
    made = weights(100, 100, 100)
    together, each = masks(made, 0.5, "global"), masks(made, 0.5, "layer")
    counts = [int(mask.sum()) for mask in together.values()]
    assert counts[0] > counts[1] > counts[2]
    assert sum(counts) == 150
    assert [int(mask.sum()) for mask in each.values()] == [50, 50, 50]


@given(rates, rates, rates)
def test_the_cubic_schedule_rises_from_0_to_the_rate(rate: float, one: float, two: float) -> None:
    assert cubic(rate, 0) == 0
    assert cubic(rate, 1) == pytest.approx(rate)
    low, high = sorted((one, two))
    assert cubic(rate, low) <= cubic(rate, high) + 1e-12


def test_convolutions_and_linear_layers_alone_are_prunable(trained: Model) -> None:
    names = set(prunable(trained))
    assert names == {f"body.{name}" for name in ("conv1", "conv2", "conv3", "fc1", "fc2")}


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_one_stroke_zeroes_weights_and_changes_nothing_else(
    thief: Thief, trained: Model, scope: Scope
) -> None:
    world = thief(GRANTS)
    pruned = world.play(replace(ONE_STROKE, scope=scope))
    before, after = trained.state_dict(), pruned.state_dict()
    for name, weight in prunable(trained).items():
        kept = prunable(pruned)[name] != 0
        assert torch.equal(weight[kept], prunable(pruned)[name][kept])
    spared = {name for name in before if name.removesuffix(".weight") not in prunable(trained)}
    assert any("norm" in name for name in spared)
    assert all(torch.equal(before[name], after[name]) for name in spared)
    assert sparsity(prunable(pruned)) == pytest.approx(0.6, abs=1e-3)
    assert world.spent("steps") == 0


def test_the_two_scopes_give_different_models(thief: Thief) -> None:
    layer, whole = (
        thief(GRANTS).play(replace(ONE_STROKE, scope=scope)) for scope in ("layer", "global")
    )
    assert layer.digest() != whole.digest()
    each = [sparsity({name: weight}) for name, weight in prunable(whole).items()]
    assert max(each) - min(each) > 0.1


@pytest.mark.parametrize("scope", ["layer", "global"])
@pytest.mark.parametrize("keep_mask", [True, False])
@pytest.mark.parametrize("rate", [0.2, 0.6])
def test_the_cubic_schedule_ends_at_the_rate(
    thief: Thief, scope: Scope, keep_mask: bool, rate: float
) -> None:
    attack = replace(SHORT, scope=scope, keep_mask=keep_mask, rate=rate)
    found = prunable(thief(GRANTS).play(attack))
    assert sparsity(found) == pytest.approx(rate, abs=1e-3)
    if scope == "layer":
        for name, weight in found.items():
            assert abs(sparsity({name: weight}) - rate) <= 1 / weight.numel()


def test_a_kept_mask_holds_through_fine_tuning_and_a_dropped_one_fills_up_again(
    thief: Thief,
) -> None:
    attack = replace(SHORT, schedule="oneshot")
    start = prunable(thief(GRANTS).play(ONE_STROKE))
    held = prunable(thief(GRANTS).play(attack))
    filled = prunable(thief(GRANTS).play(replace(attack, keep_mask=False)))
    assert all(torch.equal(held[name] == 0, start[name] == 0) for name in start)
    assert sparsity(filled) < 0.05


def test_fine_tuning_repairs_what_pruning_breaks(thief: Thief) -> None:
    world = thief(GRANTS)
    harsh = Prune(rate=0.85, schedule="oneshot", epochs=0)
    broken, repaired = world.play(harsh), world.play(replace(harsh, epochs=10))
    assert world.accuracy(repaired) > world.accuracy(broken) + 0.1
    assert sparsity(prunable(repaired)) == pytest.approx(0.85, abs=1e-3)


def test_the_cost_is_that_of_fine_tuning(thief: Thief) -> None:
    world = thief(GRANTS)
    world.play(SHORT)
    assert world.spent("steps") == 2 * math.ceil(len(world.task.splits.thief) / 64)
    assert world.spent("images_queried") == 0


def test_the_victim_is_not_touched_and_the_rng_decides(thief: Thief, trained: Model) -> None:
    world = thief(GRANTS)
    one, again, other = (world.play(SHORT, seed) for seed in (1, 1, 2))
    assert one.digest() == again.digest() != other.digest()
    assert world.victim.digest() == trained.digest()


@pytest.mark.parametrize("rate", [-0.1, 1.1])
def test_a_share_outside_0_to_1_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match=r"a rate in \[0, 1\]"):
        Prune(rate=rate)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_none_and_all_of_the_weights_can_be_pruned(thief: Thief, rate: float) -> None:
    assert sparsity(prunable(thief(GRANTS).play(Prune(rate=rate, epochs=0)))) == rate


def test_strength_turns_the_rate() -> None:
    assert (Prune().at(0).rate, Prune().at(1).rate) == (0.2, 0.95)
