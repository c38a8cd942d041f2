"""Adversarial examples: the ways to make them, each against a closed form."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples
from arena.world.training.adversarial import Ahead
from defenders.deepjudge.growth.blackbox_tests import (
    ExampleRecipe,
    Method,
    Steps,
    adversarial,
    grid,
)
from tests.defenders.conftest import COMPUTE, LAB

N = 24
METHODS: tuple[Method, ...] = ("fgsm", "pgd", "cw")
GAP = torch.tensor([1.0, -2.0, 0.5, 3.0])
"""Of the linear model: weights of class 1 minus weights of class 0."""


def linear(shift: float = 0.0) -> nn.Module:
    """Two classes of four pixels; its gradient has the same signs everywhere."""
    layer = nn.Linear(4, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.stack([torch.zeros(4), GAP]))
        layer.bias.copy_(torch.tensor([shift, shift - 1.5]))
    return nn.Sequential(nn.Flatten(), layer)


def grey() -> tuple[Tensor, Tensor]:
    """Mid-grey images, which no small step clips, and their class 0."""
    return torch.full((N, 1, 2, 2), 0.5), torch.zeros(N, dtype=torch.int64)


def lead(logits: Tensor, labels: Tensor) -> Tensor:
    """How far the best wrong logit is ahead of the true one, (N,)."""
    true = logits.gather(1, labels[:, None])
    return (logits.scatter(1, labels[:, None], -torch.inf).amax(1, keepdim=True) - true)[:, 0]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("steps", ["scaled", "projected", "repository"])
def test_examples_are_images_of_the_same_shape_and_nothing_else_changes(
    victim: Model, seeds: Examples, method: Method, steps: Steps
) -> None:
    before, state, digest = seeds.images.clone(), torch.get_rng_state(), victim.digest()
    how = ExampleRecipe(method=method, eps=0.1, steps=steps, n_cw_steps=5)
    moved = adversarial(LAB.frozen(victim), seeds.images, seeds.targets, how, Rng(0))
    assert moved.shape == seeds.images.shape
    assert moved.dtype == torch.float32
    assert float(moved.min()) >= 0
    assert float(moved.max()) <= 1
    assert torch.equal(seeds.images, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert victim.digest() == digest


def test_fgsm_is_one_step_of_eps_uphill(victim: Model, seeds: Examples) -> None:
    def loss(logits: Tensor, index: Tensor) -> Tensor:
        return nn.functional.cross_entropy(logits, seeds.targets[index], reduction="none")

    slope = COMPUTE.input_gradients(victim, seeds.images, loss)
    how = ExampleRecipe(method="fgsm", eps=0.1)
    moved = adversarial(LAB.frozen(victim), seeds.images, seeds.targets, how, Rng(0))
    clear = slope.abs() > 1e-6
    expected = (seeds.images + 0.1 * slope.sign()).clamp(0, 1)
    assert torch.allclose(moved[clear], expected[clear], atol=1e-6)


def test_fgsm_starts_at_random_if_asked(victim: Model, seeds: Examples) -> None:
    how = ExampleRecipe(method="fgsm", eps=0.1, random_start=True)
    moved, again, other = (
        adversarial(LAB.frozen(victim), seeds.images, seeds.targets, how, Rng(seed))
        for seed in (0, 0, 1)
    )
    assert torch.equal(moved, again)
    assert not torch.equal(moved, other)
    far = (moved - seeds.images).abs()
    assert float(far.max()) <= 0.2 + 1e-6
    assert bool(((far > 0.11) & (far < 0.19)).any())  # beyond one step, short of two


@pytest.mark.parametrize(
    ("steps", "step", "start"),
    [("scaled", 0.01, 0.1), ("repository", 0.03, 0.1)],
)
def test_unprojected_pgd_starts_at_random_and_takes_all_its_steps(
    steps: Steps, step: float, start: float
) -> None:
    """Ten steps of eps / 10, or of 0.03 whatever eps is, behind a start in the eps-ball."""
    how = ExampleRecipe(eps=0.1, n_steps=10, steps=steps)
    images, labels = grey()
    moved = adversarial(linear(), images, labels, how, Rng(1)) - images
    noise = moved - 10 * step * GAP.sign().view(1, 1, 2, 2)
    assert float(noise.abs().max()) <= start + 1e-6
    assert float(noise.std()) == pytest.approx(start / 3**0.5, rel=0.2)  # uniform
    assert float(moved.abs().max()) <= start + 10 * step + 1e-6


def test_scaled_pgd_moves_by_at_most_twice_eps(victim: Model, seeds: Examples) -> None:
    how = ExampleRecipe(eps=0.1, steps="scaled")
    moved = adversarial(LAB.frozen(victim), seeds.images, seeds.targets, how, Rng(0))
    assert 0.15 < float((moved - seeds.images).abs().max()) <= 0.2 + 1e-6


def test_projected_pgd_stays_in_the_ball_at_every_step() -> None:
    how = ExampleRecipe(eps=0.1, n_steps=10, steps="projected")
    images, labels = grey()
    moved = adversarial(linear(), images, labels, how, Rng(1)) - images
    toward = moved * GAP.sign().view(1, 1, 2, 2)
    assert float(moved.abs().max()) <= 0.1 + 1e-6
    assert float(toward.min()) >= 0 - 1e-6  # from -0.1 at worst, ten steps of 0.01
    assert float(toward.max()) == pytest.approx(0.1)


def test_the_repositorys_steps_do_not_heed_eps(victim: Model, seeds: Examples) -> None:
    how = ExampleRecipe(eps=0.03, steps="repository")
    moved = adversarial(LAB.frozen(victim), seeds.images, seeds.targets, how, Rng(0))
    assert 0.3 < float((moved - seeds.images).abs().max()) <= 0.03 + 10 * 0.03 + 1e-6


@pytest.mark.parametrize("confidence", [0.5, 2.0, 5.0])
def test_what_cw_gets_wrong_is_wrong_by_the_confidence(
    victim: Model, seeds: Examples, confidence: float
) -> None:
    how = ExampleRecipe(method="cw", confidence=confidence)
    moved = adversarial(LAB.frozen(victim), seeds.images, seeds.targets, how, Rng(0))
    logits = LAB.logits(victim, moved)
    wrong = logits.argmax(1) != seeds.targets
    assert float(wrong.double().mean()) > 0.8
    assert float(lead(logits, seeds.targets)[wrong].min()) >= confidence - 1e-3


@pytest.mark.parametrize("shift", [0.0, -50.0])
def test_cw_finds_the_nearest_such_image(shift: float) -> None:
    """Of a linear model it is the way to a plane; adding to all logits does not move the plane."""
    how = ExampleRecipe(method="cw", confidence=0.5, n_cw_steps=1000, lr=0.005, weight=0.2)
    images, labels = grey()
    model = linear(shift)
    moved = adversarial(model, images[:1], labels[:1], how, Rng(0))
    with torch.no_grad():
        behind = 0.5 - lead(model(images[:1]), labels[:1])
    nearest = float(behind / GAP.norm())
    assert nearest > 0
    found = float((moved - images[:1]).norm())
    assert nearest - 1e-3 <= found <= 1.1 * nearest


def test_a_lead_keeps_the_order_of_the_wrong_logits() -> None:
    logits = torch.tensor([[-3.0, -1.0, -7.0]], requires_grad=True)
    ahead = Ahead(nn.Identity(), torch.tensor([1]), 2.0)
    shown = ahead(logits)
    assert shown.tolist() == [[5.0, 9.0, 1.0]]
    assert torch.equal(torch.autograd.grad(shown[0, 0], logits)[0], torch.eye(3)[:1])


@pytest.mark.parametrize("method", METHODS)
def test_the_same_stream_makes_the_same_examples(
    victim: Model, seeds: Examples, method: Method
) -> None:
    how = ExampleRecipe(method=method, n_cw_steps=20)
    one, again, other = (
        adversarial(LAB.frozen(victim), seeds.images, seeds.targets, how, Rng(seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert torch.equal(one, other) is (method != "pgd")  # PGD alone starts at random


@given(st.sampled_from(METHODS), st.floats(0.01, 1))
def test_strength_is_eps_and_of_cw_the_confidence(method: Method, strength: float) -> None:
    like = ExampleRecipe(n_steps=7, steps="projected")
    how = like.of_strength(method, strength)
    assert (how.confidence if method == "cw" else how.eps) == strength
    assert (how.n_steps, how.steps, how.method) == (7, "projected", method)
    assert how.title == f"{method} {strength:g}"


def test_the_grid_holds_every_strength_of_a_method() -> None:
    like = ExampleRecipe(n_steps=3)
    assert [how.title for how in grid("pgd", (0.1, 0.2), like)] == ["pgd 0.1", "pgd 0.2"]
    assert [how.title for how in grid("cw", (0.1, 0.2), like)] == ["cw 0.5", "cw 5"]
    mixed = grid("any", (0.1,), like)
    assert {how.method for how in mixed} == set(METHODS)
    assert len({how.title for how in mixed}) == len(mixed) == 4
    assert all(how.n_steps == 3 for how in mixed)
