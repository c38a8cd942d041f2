"""Uchida's watermark: the maths of the carrier, the key, and what embedding does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from arena.errors import PlayerError
from arena.game.court.statistics import binomial_tail, least_hits
from arena.game.sides.defense import OwnerTask
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import StepView
from defenders.weights.bit_error import bit_error_rate
from defenders.weights.scheme.uchida import carrier, carrier_size, key_material, project
from defenders.weights.uchida import Embedding, Uchida, target_layer
from tests.defenders.conftest import COMPUTE, Marking

pytestmark = pytest.mark.long

Show = Callable[[Model], Suspect]
STRONG = Uchida(n_bits=32, strength=1.0)  # fewer bits: the task here trains for 88 steps


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 3))
def test_the_carrier_averages_over_output_filters(o: int, i: int, k: int) -> None:
    weight = torch.arange(o * i * k * k, dtype=torch.float32).reshape(o, i, k, k)
    expected = torch.stack([weight[f].flatten() for f in range(o)]).sum(0) / o
    assert torch.allclose(carrier(weight), expected)
    assert carrier_size(tuple(weight.shape)) == len(expected)


def test_a_linear_layer_is_its_own_carrier() -> None:
    weight = torch.randn(4, 3, generator=Rng(0).torch())
    assert torch.equal(carrier(weight), weight.flatten())
    assert carrier_size((4, 3)) == 12


def test_permuting_the_layers_own_filters_changes_nothing_and_its_inputs_everything() -> None:
    weight = torch.randn(8, 6, 3, 3, generator=Rng(1).torch(), dtype=torch.float64)
    own, inputs = weight[torch.arange(7, -1, -1)], weight[:, torch.arange(5, -1, -1)]
    assert torch.allclose(carrier(own), carrier(weight))
    assert not torch.allclose(carrier(inputs), carrier(weight))


def test_scores_are_the_inner_products_of_rows_and_carrier() -> None:
    matrix = torch.tensor([[1.0, 0.0], [0.5, -1.0]])
    weight = torch.tensor([[[[2.0, 4.0]]], [[[4.0, 0.0]]]])  # mean over filters: (3, 2)
    assert project(matrix, weight).tolist() == [3.0, -0.5]


def test_the_default_layer_is_the_first_inner_one_with_room(task: Task) -> None:
    model = build(task.card, Rng(0))
    names = layers.weighted(model, task.card.input_shape)
    assert target_layer(model, 64) == names[1]
    assert target_layer(model, 100) == names[2]


def fresh_matches(models: list[Model], n_keys: int) -> Tensor:
    """Return how many of 64 bits (n_keys, n_models) of fresh keys match in each model."""
    layer = target_layer(models[0], 64)
    carriers = torch.stack([carrier(layers.weight(m, layer).detach()) for m in models], 1)  # (M, n)
    matches = []
    for i in range(n_keys):
        key = key_material(f"{i:064x}", 64, len(carriers))
        found = key["matrix"] @ carriers >= 0  # (T, n)
        matches.append((found == key["bits"].bool()[:, None]).sum(0))
    return torch.stack(matches)


def test_p_values_are_those_of_a_fair_coin_under_fresh_keys(innocent: Model) -> None:
    """The carrier is that of a trained convolution; its key alone is drawn, 3,000 times."""
    matches = fresh_matches([innocent], 3000)[:, 0].numpy()
    edges = [0, *range(26, 40), 65]  # classes of at least 100 expected
    seen, _ = np.histogram(matches, edges)
    below = stats.binom.cdf(np.asarray(edges) - 1, 64, 0.5)
    assert stats.chisquare(seen, 3000 * np.diff(below)).pvalue > 1e-3
    p_values = np.array([binomial_tail(int(k), 64) for k in matches])
    for level in (0.01, 0.05, 0.5):
        assert stats.binomtest(int((p_values <= level).sum()), 3000, level, "greater").pvalue > 1e-3


def test_one_key_accuses_two_of_a_dozen_innocents_no_more_often_than_by_chance(
    nulls: list[Model],
) -> None:
    """Verdicts of one key could depend on each other through what independent models share."""
    accused = (fresh_matches(nulls, 1500) >= least_hits(64, 0.5, 0.01)).sum(1)  # (n_keys,)
    chance = binomial_tail(2, len(nulls), binomial_tail(least_hits(64, 0.5, 0.01), 64))
    n_twice = int((accused >= 2).sum())
    assert stats.binomtest(n_twice, len(accused), chance, "greater").pvalue > 1e-3


def test_what_channels_have_in_common_survives_a_shuffle_of_them(mark: Marking) -> None:
    """A shuffled copy is no independent model: its matches are not those of a fair coin.

    So a literal reading finds one shuffle in several where the level is one in a hundred.
    """
    protected = mark(replace(STRONG, strength=0.3))
    weight = layers.weight(protected.model, protected.key.settings["layer"]).detach()
    matrix, bits = protected.key.tensors["matrix"], protected.key.tensors["bits"].bool()
    orders = [torch.randperm(weight.shape[1], generator=Rng(i).torch()) for i in range(1000)]
    found = [project(matrix, weight[:, order]) >= 0 for order in orders]
    matches = torch.stack([(bit == bits).sum() for bit in found])
    n_caught = int((matches >= least_hits(len(bits), 0.5, 0.01)).sum())
    assert 20 < n_caught < 500


def test_a_model_with_one_layer_is_marked_there(tiny: Model) -> None:
    assert target_layer(tiny, 12) == layers.head(tiny, tiny.card.input_shape)


def test_more_bits_than_any_layer_holds_are_refused_with_the_number_that_fits(
    tiny: Model,
) -> None:
    with pytest.raises(PlayerError, match=r"room for 13 bits.*use at most 12 bits"):
        target_layer(tiny, 13)


def test_key_material_is_normal_and_fair_and_follows_from_the_seed_alone() -> None:
    one, again, other = (
        key_material("a", 64, 400),
        key_material("a", 64, 400),
        key_material("b", 64, 400),
    )
    assert torch.equal(one["matrix"], again["matrix"])
    assert torch.equal(one["bits"], again["bits"])
    assert not torch.equal(one["matrix"], other["matrix"])
    assert abs(float(one["matrix"].mean())) < 0.03
    assert abs(float(one["matrix"].std()) - 1) < 0.03
    assert 15 < int(one["bits"].sum()) < 49  # never all ones


def test_the_extra_loss_is_the_sum_over_bits_of_the_cross_entropy(tiny: Model) -> None:
    layer = layers.head(tiny, tiny.card.input_shape)
    material = key_material("a", 5, 24)
    hook = Embedding(layer, material["matrix"], material["bits"], 0.5)
    hook.start(tiny, Rng(0), "cpu")
    empty = torch.zeros(0)
    found = hook.loss(StepView(tiny, 0, 1, empty, empty, empty, 0))
    scores = material["matrix"] @ layers.weight(tiny, layer).flatten()
    each = F.softplus(torch.where(material["bits"] == 1, -scores, scores))  # -log of a right bit
    assert found.item() == pytest.approx(0.5 * each.sum().item(), rel=1e-5)


def test_the_owner_reads_every_bit_from_its_own_model(mark: Marking, suspect: Show) -> None:
    protected = mark(STRONG)
    verdict = STRONG.verify(protected.key, suspect(protected.model), Rng(0))
    assert verdict.statistic == 0
    assert verdict.is_copy
    # The larger of the exact one and that against nulls, of whom twelve tell little of a tail.
    assert 2**-32 <= verdict.p_value <= STRONG.level


def test_an_innocent_reads_like_coins(mark: Marking, suspect: Show, innocent: Model) -> None:
    verdict = STRONG.verify(mark(STRONG).key, suspect(innocent), Rng(0))
    assert 0.3 < verdict.statistic < 0.7
    assert not verdict.is_copy


def test_the_base_model_differs_by_the_mark_alone_and_is_innocent(
    mark: Marking, suspect: Show, owner_task: OwnerTask
) -> None:
    verdict = STRONG.verify(mark(STRONG).key, suspect(owner_task.base()), Rng(0))
    assert not verdict.is_copy


def test_the_key_follows_from_its_seed(mark: Marking) -> None:
    key = mark(STRONG).key
    assert STRONG.rederive(key).commitment() == key.commitment()
    assert STRONG.rederive(replace(key, seed="00" * 32)).commitment() != key.commitment()


def test_without_a_protocol_the_seed_is_thrown_away_and_the_mark_still_reads(
    owner_task: OwnerTask, suspect: Show
) -> None:
    scheme = replace(STRONG, protocol="none")
    protected = scheme.protect(owner_task, Rng(4))
    assert protected.key.seed == ""
    assert scheme.verify(protected.key, suspect(protected.model), Rng(0)).is_copy


def test_another_rng_makes_another_key(mark: Marking, owner_task: OwnerTask) -> None:
    other = STRONG.protect(owner_task, Rng(5)).key
    assert other.seed != mark(STRONG).key.seed
    assert bit_error_rate(other.tensors["bits"], mark(STRONG).key.tensors["bits"]) > 0.2


def test_a_named_layer_is_marked(owner_task: OwnerTask) -> None:
    layer = layers.head(owner_task.base(), owner_task.card.input_shape)
    key = Uchida(layer=layer, n_bits=16).protect(owner_task, Rng(4)).key
    assert key.settings["layer"] == layer
    assert key.tensors["matrix"].shape == (16, carrier_size(tuple(key.settings["shape"])))


@pytest.mark.parametrize("architecture", ["mlp", "softmax"])
def test_a_suspect_without_the_layer_is_not_verified(
    mark: Marking, suspect: Show, task: Task, architecture: str
) -> None:
    stranger = build(task.card_for(architecture), Rng(0))
    verdict = STRONG.verify(mark(STRONG).key, suspect(stranger), Rng(0))
    assert not verdict.is_copy
    assert verdict.p_value == 1
    assert verdict.reason.startswith("not verified: the suspect has no layer")


def test_a_wider_suspect_is_not_verified(mark: Marking, suspect: Show, task: Task) -> None:
    wider = build(task.card_for("cnn8", {"width": 24}), Rng(0))
    verdict = STRONG.verify(mark(STRONG).key, suspect(wider), Rng(0))
    assert not verdict.is_copy
    assert "the key reads" in verdict.reason


def test_verification_without_weights_says_what_to_grant(mark: Marking) -> None:
    protected = mark(STRONG)
    shown = Suspect.bare(protected.model, COMPUTE, "labels")
    verdict = STRONG.verify(protected.key, shown, Rng(0))
    assert not verdict.is_copy
    assert 'verification = "weights"' in verdict.reason
