"""Perturbed weights: shifts, few values, noise; what they hit and what they spare."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arena.game.rules.threat import ThreatModel, preset
from arena.game.sides.attack import Attack
from arena.world import layers
from arena.world.models import Model, build
from arena.world.rng import Rng
from attackers.modify.perturb import Noise, Quantise, WeightShift, rounded, shifted
from attackers.modify.prune import prunable
from defenders.weights.scheme.uchida import carrier
from tests.attackers.conftest import Thief

GRANTS = ThreatModel(output="weights", data=1)
SHIFT = WeightShift(noise=0.0, epochs=0)
PLAIN = Quantise(finetune_after=0)


def spared(before: Model, after: Model, changed: set[str]) -> bool:
    """Say whether everything but the weights of the named layers is as it was."""
    theirs = after.state_dict()
    names = {name for name in theirs if name.removesuffix(".weight") not in changed}
    return all(torch.equal(before.state_dict()[name], theirs[name]) for name in names)


@given(st.integers(1, 10), st.integers(2, 200), st.integers(0, 99))
def test_rounding_leaves_at_most_2_to_the_bits_values_within_a_bin_of_where_they_were(
    bits: int, n: int, seed: int
) -> None:
    values = torch.randn(n, generator=Rng(seed).torch())
    found = rounded(values, bits)
    # 2^bits edges have 2^bits - 1 middles; only what stood on an edge, as the extremes, stays there
    assert len(found.unique()) <= 2**bits - 1 + 2
    bin_width = float(values.max() - values.min()) / (2**bits - 1)
    assert float((found - values).abs().max()) <= bin_width / 2 + 1e-6
    assert (found.min(), found.max()) == (values.min(), values.max())


def test_rounding_a_constant_changes_nothing() -> None:
    values = torch.full((3, 3), 0.7)
    assert torch.equal(rounded(values, 4), values)


@pytest.mark.parametrize("bits", [2, 5, 8])
@pytest.mark.parametrize("finetune_after", [0, 1])
def test_the_delivered_weights_are_few_values_in_each_tensor(
    thief: Thief, trained: Model, bits: int, finetune_after: int
) -> None:
    model = thief(GRANTS).play(Quantise(bits=bits, finetune_after=finetune_after))
    for weight in prunable(model).values():
        assert len(weight.unique()) <= 2**bits + 1
    if not finetune_after:
        assert spared(trained, model, set(prunable(trained)))


def test_without_rounding_again_fine_tuning_makes_many_values(thief: Thief) -> None:
    model = thief(GRANTS).play(Quantise(bits=3, requantise=False))
    assert max(len(weight.unique()) for weight in prunable(model).values()) > 100


def test_five_bits_keep_the_model_useful_and_two_do_not(thief: Thief) -> None:
    world = thief(GRANTS)
    before = world.accuracy(world.victim)
    five, two = (world.accuracy(world.play(replace(PLAIN, bits=bits))) for bits in (5, 2))
    assert five > before - 0.05
    assert two < five


def test_a_shift_of_one_takes_uchidas_carrier_away(thief: Thief, trained: Model) -> None:
    model = thief(GRANTS).play(replace(SHIFT, shift=1.0))
    names = layers.convolutions(trained, trained.card.input_shape)
    for name in names:
        assert float(carrier(layers.weight(model, name).detach()).abs().max()) < 1e-6
    assert spared(trained, model, set(names))


@pytest.mark.parametrize("shift", [0.5, 1.5, 2.5])
def test_the_carrier_is_scaled_by_one_minus_the_shift(thief: Thief, shift: float) -> None:
    world = thief(GRANTS)
    model = world.play(replace(SHIFT, shift=shift))
    name = layers.convolutions(model, model.card.input_shape)[1]
    before, after = (carrier(layers.weight(m, name)) for m in (world.victim, model))
    assert torch.allclose(after, (1 - shift) * before, atol=1e-6)


def test_noise_is_measured_in_the_tensors_own_spread() -> None:
    weight = 3 * torch.randn(64, 32, 3, 3, generator=Rng(0).torch())
    added = shifted(weight, 0.0, 0.5, Rng(1)) - weight
    assert float(added.std()) == pytest.approx(1.5, rel=0.02)
    assert abs(float(added.mean())) < 0.05


def test_a_shift_breaks_the_model_and_fine_tuning_repairs_it(thief: Thief) -> None:
    """Why accuracy must be reported before and after it."""
    world = thief(GRANTS)
    full = WeightShift(lr=1e-2)
    broken, repaired = world.play(replace(full, epochs=0)), world.play(full)
    assert world.accuracy(broken) < 0.7
    assert world.accuracy(repaired) > world.accuracy(broken) + 0.2


def test_a_model_without_convolutions_is_fine_tuned_only(thief: Thief) -> None:
    mlp = build(thief(GRANTS).task.card_for("mlp"), Rng(0))
    assert thief(GRANTS, mlp).play(WeightShift(epochs=0)).digest() == mlp.digest()
    assert thief(GRANTS, mlp).play(WeightShift(epochs=1)).digest() != mlp.digest()


def test_noise_spares_biases_and_norms_and_needs_no_data(thief: Thief, trained: Model) -> None:
    world = thief(preset("weights_only_nodata"))
    model = world.play(Noise())
    assert model.digest() != trained.digest()
    assert spared(trained, model, set(prunable(trained)))
    assert world.accuracy(world.play(Noise(deviation=3.0))) < world.accuracy(model)


@pytest.mark.parametrize(
    ("attack", "epochs"), [(WeightShift(epochs=2), 2), (Quantise(), 1), (PLAIN, 0), (Noise(), 0)]
)
def test_the_cost_is_that_of_fine_tuning_and_no_query(
    thief: Thief, trained: Model, attack: Attack, epochs: int
) -> None:
    world = thief(GRANTS)
    world.play(attack)
    assert world.spent("steps") == epochs * math.ceil(len(world.task.splits.thief) / 64)
    assert world.spent("images_queried") == 0
    assert world.victim.digest() == trained.digest()


@pytest.mark.parametrize("attack", [WeightShift(epochs=1), Noise()], ids=repr)
def test_the_rng_decides(thief: Thief, attack: Attack) -> None:
    one, again, other = (thief(GRANTS).play(attack, seed) for seed in (1, 1, 2))
    assert one.digest() == again.digest() != other.digest()


@pytest.mark.parametrize("settings", [{"bits": 0}, {"finetune_after": -1}])
def test_no_bits_and_negative_epochs_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="at least 1 bit and 0 epochs"):
        replace(PLAIN, **settings)


def test_strength_maps_to_harsher_settings() -> None:
    assert (Quantise().at(0).bits, Quantise().at(1).bits) == (8, 2)
    assert (WeightShift().at(0).shift, WeightShift().at(1).shift) == (0.5, 2.5)
    assert (Noise().at(0).deviation, Noise().at(1).deviation) == pytest.approx((0.02, 1.0))
