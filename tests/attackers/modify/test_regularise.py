"""Regularisers: forgetting that stops by own data alone, penalties on features, softer labels."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arena.game.rules.threat import ThreatModel
from arena.game.sides.attack import Attack
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, History, Hook, Recipe
from attackers.modify.regularise import (
    FeaturePenalty,
    FeatureRegularise,
    Forgets,
    L2Recover,
    LabelSmooth,
    halves,
    softened,
)
from tests.attackers.conftest import Thief, World

pytestmark = pytest.mark.long

GRANTS = ThreatModel(output="weights", data=1)
FORGET = L2Recover(epochs=6, recovery=6)


class Spy:
    """A laboratory's `train` that also writes down what it was given."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[Examples, Recipe, list[Hook], History]] = []
        lab = type(world.access.lab)
        real = lab.train

        def train(this, model, examples, recipe, rng, hooks=()):  # type: ignore[no-untyped-def]
            history = real(this, model, examples, recipe, rng, hooks)
            self.calls.append((examples, recipe, list(hooks), history))
            return history

        monkeypatch.setattr(lab, "train", train)


@given(st.integers(1, 50), st.floats(0, 1), st.integers(0, 99))
def test_halves_are_a_random_share_and_the_rest(n: int, share: float, seed: int) -> None:
    few, others = halves(Examples(torch.arange(n)[:, None], torch.arange(n)), share, Rng(seed))
    assert len(few) == max(1, round(n * share))
    assert sorted([*few.targets.tolist(), *others.targets.tolist()]) == list(range(n))


def test_the_stop_rule_looks_at_own_held_out_images_alone(
    thief: Thief, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No image of the test split, no trigger, no true label: what it sees is the thief's own."""
    world = thief(GRANTS)
    spy = Spy(world, monkeypatch)
    world.play(FORGET)
    few, _, (stop,), _ = spy.calls[0]
    assert isinstance(stop, Forgets)
    own = {bytes(image.numpy()) for image in world.task.splits.thief.images}
    test = {bytes(image.numpy()) for image in world.task.splits.test.images}
    looked_at = {bytes(image.numpy()) for image in stop.held_out.images}
    assert looked_at <= own
    assert not looked_at & test
    assert not looked_at & {bytes(image.numpy()) for image in few.images}
    assert torch.equal(stop.held_out.targets, world.answers(stop.held_out.images))
    assert world.spent("images_queried") == world.spent("verifier_calls") == 0


@pytest.mark.parametrize(("floor", "stops"), [(1.0, True), (0.0, False)])
def test_forgetting_ends_at_the_floor(
    thief: Thief, monkeypatch: pytest.MonkeyPatch, floor: float, stops: bool
) -> None:
    world = thief(GRANTS)
    spy = Spy(world, monkeypatch)
    world.play(replace(FORGET, floor=floor, recovery=1))
    few, recipe, _, _ = spy.calls[0]
    n_forget = world.spent("steps") - math.ceil(0.9 * len(spy.calls[1][0]) / 64)
    full = recipe.epochs * math.ceil(len(few) / 64)
    assert (n_forget < full) is stops


def test_the_model_forgets_and_recovers(thief: Thief) -> None:
    world = thief(GRANTS)
    harsh = L2Recover(decay=1.0, epochs=30, lr=1e-2, recovery=1)
    forgotten = world.accuracy(world.play(replace(harsh, lr=1e-2, recovery=0)))
    recovered = world.accuracy(world.play(replace(harsh, recovery=20)))
    assert forgotten < 0.7
    assert recovered > world.accuracy(world.victim) - 0.1


def test_decay_is_gone_in_the_second_part(thief: Thief, monkeypatch: pytest.MonkeyPatch) -> None:
    world = thief(GRANTS)
    spy = Spy(world, monkeypatch)
    world.play(replace(FORGET, decay=0.2))
    assert [recipe.weight_decay for _, recipe, _, _ in spy.calls] == [0.2, 0.0]
    assert [len(examples) for examples, *_ in spy.calls] == [
        round(0.25 * len(world.task.splits.thief)),
        len(world.task.splits.thief),
    ]


@pytest.mark.parametrize("norm", ["mean", "root"])
def test_the_penalty_is_what_its_formula_says(norm: str) -> None:
    maps = torch.tensor([[[[3.0, -4.0]]], [[[0.0, 2.0]]]])  # (B, 1, 1, 2)
    penalty = FeaturePenalty(["a", "b"], 0.5, norm, 2)  # type: ignore[arg-type]
    view = SimpleNamespace(
        targets=torch.tensor([0, 1]),
        outputs=torch.zeros(2, 2),
        activations={"a": maps, "b": 2 * maps},
    )
    each = {"mean": (3.5 + 1.0) / 2, "root": (5.0 + 2.0) / 2}[norm]
    assert float(penalty.loss(view)) == pytest.approx(0.5 * 3 * each)  # type: ignore[arg-type]


def test_coefficients_are_drawn_for_each_class_in_the_unit_interval(trained: Model) -> None:
    penalty = FeaturePenalty(["a"], 1.0, "mean", 10)
    penalty.start(trained, Rng(0), "cpu")
    maps = torch.ones(10, 4)
    rows = []
    for i in range(10):
        view = SimpleNamespace(
            targets=torch.tensor([i]),
            outputs=torch.zeros(1, 10),
            activations={"a": maps[i : i + 1]},
        )
        rows.append(float(penalty.loss(view)))  # type: ignore[arg-type]
    assert len(set(rows)) == 10
    assert 0 <= min(rows) <= max(rows) <= 1


def test_features_shrink_under_a_strong_penalty(thief: Thief) -> None:
    world = thief(GRANTS)
    images = world.task.splits.test.images
    name = "body.relu4"

    def size(attack: FeatureRegularise) -> float:
        return float(world.access.lab.activations(world.play(attack), images, [name])[name].mean())

    plain = FeatureRegularise(strength=0.0, norm="root", epochs=3, recovery=0)
    assert size(replace(plain, strength=1.0)) < 0.7 * size(plain)


@given(st.integers(0, 99), st.floats(0, 1), st.integers(0, 10))
def test_softened_rows_are_distributions(seed: int, amount: float, drop: int) -> None:
    rows = torch.rand(20, 6, generator=Rng(seed).torch()).softmax(1)
    for kind in ("uniform", "permuted"):
        soft = softened(rows, kind, amount, drop, Rng(seed))
        assert torch.allclose(soft.sum(1), torch.ones(20), atol=1e-5)
        assert float(soft.min()) >= 0


def test_softening_by_hand() -> None:
    rows = torch.tensor([[0.6, 0.3, 0.1]])
    assert torch.allclose(
        softened(rows, "uniform", 0.3, 0, Rng(0)), torch.tensor([[0.52, 0.31, 0.17]])
    )
    assert torch.allclose(
        softened(rows, "uniform", 0.0, 2, Rng(0)), torch.tensor([[6 / 7, 0.0, 1 / 7]])
    )
    permuted = softened(rows, "permuted", 1.0, 0, Rng(0))
    assert sorted(permuted[0].tolist()) == sorted(rows[0].tolist())


def test_smoothed_labels_leave_the_classes_and_lower_the_confidence(thief: Thief) -> None:
    world = thief(GRANTS)
    model = world.play(LabelSmooth(smoothing=0.6))
    images = world.task.splits.test.images
    sure = [
        world.access.lab.logits(m, images).softmax(1).max(1).values.mean()
        for m in (model, world.victim)
    ]
    assert float(sure[0]) < float(sure[1]) - 0.1
    assert world.accuracy(model) > 0.5  # chance is 0.1; over root seeds it was 0.81 and more


FAMILY: list[Attack] = [
    FORGET,
    FeatureRegularise(recovery=1),
    LabelSmooth(epochs=1),
    LabelSmooth(epochs=1, kind="permuted"),
]


@pytest.mark.parametrize("attack", FAMILY, ids=repr)
def test_the_rng_decides_and_the_victim_is_not_touched(
    thief: Thief, trained: Model, attack: Attack
) -> None:
    world = thief(GRANTS)
    one, again, other = (world.play(attack, seed) for seed in (1, 1, 2))
    assert one.digest() == again.digest() != other.digest()
    assert world.victim.digest() == trained.digest()
    assert world.spent("images_queried") == world.spent("models") == 0


def test_strength_maps_to_harsher_settings() -> None:
    assert (FORGET.at(0).decay, FORGET.at(1).decay) == pytest.approx((0.003, 0.3))
    assert FeatureRegularise().at(1).strength == pytest.approx(10)
    assert (LabelSmooth().at(0).smoothing, LabelSmooth().at(1).smoothing) == (0.1, 0.9)
