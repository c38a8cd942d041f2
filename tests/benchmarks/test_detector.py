"""Property inference: what a model's weights look like, and whether a mark can be seen in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from arena.game.court.statistics import area_interval, area_under
from arena.game.sides.lab import Lab
from arena.world import layers
from arena.world.compute import Compute
from arena.world.data import Dataset
from arena.world.models import Model, ModelCard, build
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Examples
from attackers.rewrite.invariant import shuffled
from benchmarks.stealth.detector import (
    Detector,
    features,
    norm_features,
    spread_scores,
    spreads,
    weight_features,
)
from defenders.weights.scheme.uchida import carrier_size, key_material
from defenders.weights.uchida import Embedding, target_layer

pytestmark = pytest.mark.slow

N = 6  # models in each pool
STRONG = 5.0  # 100 times the default strength of Uchida's mark


def trained(task: Task, data: Dataset, rng: Rng, strength: float = 0.0) -> Model:
    """Return a model with a seed of its own, and a fresh mark where there is a strength."""
    lab = Lab(Compute())
    model = lab.build(task.card, rng.child("initial"))
    layer = target_layer(model, 64)
    size = carrier_size(tuple(layers.weight(model, layer).shape))
    key = key_material(f"{rng.child('key').integer():064x}", 64, size)
    hooks = [Embedding(layer, key["matrix"], key["bits"], strength)] if strength else []
    lab.train(model, Examples.of(data), task.spec.recipe, rng.child("training"), hooks)
    return model


@dataclass(frozen=True)
class Pools:
    """A thief's shadow models, and models of others that it is to judge."""

    shadows: list[Model]
    marked_shadows: list[Model]
    innocents: list[Model]
    more_innocents: list[Model]
    marked: list[Model]


@pytest.fixture(scope="module")
def pools(task: Task) -> Pools:
    def pool(role: str, data: Dataset, strength: float = 0.0) -> list[Model]:
        return [trained(task, data, Rng(11).child(role, i), strength) for i in range(N)]

    thief, owner = task.splits.thief, task.splits.owner
    return Pools(
        shadows=pool("shadow", thief),
        marked_shadows=pool("marked shadow", thief, STRONG),
        innocents=pool("innocent", owner),
        more_innocents=pool("twin", owner),
        marked=pool("marked", owner, STRONG),
    )


def rows(models: Sequence[Model]) -> Tensor:
    return torch.stack([features(model) for model in models])


def widths(models: Sequence[Model]) -> Tensor:
    return torch.stack([spreads(model) for model in models])


def test_a_strong_mark_of_uchida_is_seen_by_both_tests(pools: Pools) -> None:
    detector = Detector.fitted(rows(pools.marked_shadows), rows(pools.shadows), Rng(0))
    marked, innocent = detector.scores(rows(pools.marked)), detector.scores(rows(pools.innocents))
    assert area_under(marked.tolist(), innocent.tolist()) == 1.0
    plain = widths(pools.shadows)
    wide, usual = (spread_scores(widths(p), plain) for p in (pools.marked, pools.innocents))
    assert area_under(wide.tolist(), usual.tolist()) == 1.0


def test_twins_without_a_mark_are_told_apart_by_chance(pools: Pools) -> None:
    """The detector knows a mark; both kinds of targets have none."""
    detector = Detector.fitted(rows(pools.marked_shadows), rows(pools.shadows), Rng(0))
    one, other = (detector.scores(rows(p)) for p in (pools.more_innocents, pools.innocents))
    low, high = area_interval(area_under(one.tolist(), other.tolist()), N, N)
    assert low < 0.5 < high
    plain = widths(pools.shadows)
    one, other = (spread_scores(widths(p), plain) for p in (pools.more_innocents, pools.innocents))
    low, high = area_interval(area_under(one.tolist(), other.tolist()), N, N)
    assert low < 0.5 < high


def test_a_detector_of_nothing_is_at_chance() -> None:
    """Shadows of both kinds and targets of both kinds from one distribution, 20 times."""
    areas = []
    for i in range(20):
        draw = torch.randn(4, 12, 30, generator=Rng(i).torch(), dtype=torch.float64)
        detector = Detector.fitted(draw[0], draw[1], Rng(i))
        areas.append(area_under(*(detector.scores(draw[j]).tolist() for j in (2, 3))))
    error = (25 / (12 * 12 * 12)) ** 0.5 / 20**0.5  # Mann and Whitney's, of the mean area
    assert abs(sum(areas) / 20 - 0.5) < 4 * error


def test_spread_scores_of_the_unmarked_are_p_values() -> None:
    """Under the null a score above 1 - a comes with a probability of at most a."""
    draw = torch.randn(2000, 9, 5, generator=Rng(3).torch(), dtype=torch.float64)
    scores = torch.cat([spread_scores(sample[:1], sample[1:]) for sample in draw])
    assert ((scores >= 0) & (scores <= 1)).all()
    assert float((scores > 0.95).double().mean()) < 0.05 + 4 * (0.05 * 0.95 / 2000) ** 0.5
    assert float((scores > 0.95).double().mean()) > 0.03  # nor is it blind


@given(st.floats(0, 3), st.integers(0, 4))
def test_a_wider_layer_is_never_less_suspect(extra: float, layer: int) -> None:
    draw = torch.randn(9, 5, generator=Rng(4).torch(), dtype=torch.float64)
    wider = draw[:1].clone()
    wider[0, layer] += extra
    assert float(spread_scores(wider, draw[1:])) >= float(spread_scores(draw[:1], draw[1:])) - 1e-12


def test_the_order_of_units_does_not_matter(pools: Pools) -> None:
    model = pools.innocents[0]
    torch.testing.assert_close(features(shuffled(model, Rng(2))), features(model))


def test_features_by_hand() -> None:
    spread, kurtosis, zeros, filters, norms = weight_features(torch.tensor([[3.0, -1], [-3, 1]]))
    assert spread == pytest.approx(0.5 * torch.tensor(5.0).log().item())
    assert kurtosis == pytest.approx((81 + 1) / 2 / 25 - 3)
    assert zeros == 0
    assert filters < -20  # the mean filter is (0, 0)
    assert norms < -20  # both units are as long


def test_pruned_weights_are_counted() -> None:
    assert weight_features(torch.tensor([[0.0, 0, 0, 5], [0, 0, -5, 0]]))[2] == 0.75


def test_norms_without_scales_have_no_features() -> None:
    assert norm_features(torch.nn.BatchNorm2d(4, affine=False)) == []
    assert len(norm_features(torch.nn.BatchNorm2d(4))) == 4


@pytest.mark.parametrize("architecture", ["softmax", "mlp"])
def test_constant_weights_make_finite_features(architecture: str) -> None:
    card = ModelCard(
        architecture=architecture, n_classes=3, input_shape=(8,), mean=(0.5,), std=(0.25,)
    )
    model = build(card, Rng(0))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1.0)
    assert torch.isfinite(features(model)).all()
    assert torch.isfinite(spreads(model)).all()


def test_the_same_stream_fits_the_same_detector_and_moves_no_other() -> None:
    draw = torch.randn(3, 5, 7, generator=Rng(5).torch(), dtype=torch.float64)
    before = torch.get_rng_state()
    first, again = (Detector.fitted(draw[0], draw[1], Rng(1)).scores(draw[2]) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), before)
