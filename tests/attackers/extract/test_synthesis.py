"""Estimation and synthesis: the count of queries, the box, what each kind of synthesis does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from arena.errors import BudgetExceeded
from arena.game.rules.meters import Meters
from arena.game.rules.threat import Budget, ThreatModel
from arena.game.sides.access import Access
from arena.game.sides.gatekeeper import Gatekeeper
from arena.game.sides.lab import Lab
from arena.world.compute import Compute
from arena.world.models import Model, ModelCard, build
from arena.world.rng import Rng
from arena.world.training import Examples
from attackers.extract import generator as generator_module
from attackers.extract.generator import (
    QueryGenerator,
    Teaching,
    generated,
    new_generator,
    spread_term,
    train_generator,
)
from attackers.extract.synthesis import (
    Synthesis,
    SynthesisByGenerator,
    SynthesisByOptimisation,
    coarse_noise,
    dirichlet,
    optimised,
)
from tests.attackers.conftest import Thief

PROBABILITIES = ThreatModel(output="probabilities")
VARIANTS = [
    SynthesisByOptimisation(rounds=3, n_images=60, epochs=1, input_steps=3),
    SynthesisByGenerator(rounds=3, n_images=60, epochs=1, generator_steps=2, generator_batch=8),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "attack",
    [
        SynthesisByOptimisation(epochs=0, input_steps=1),
        SynthesisByGenerator(epochs=0, generator_steps=1, latent=4),
    ],
    ids=lambda attack: attack.name,
)
def test_the_default_asks_200000_times_in_ten_rounds(
    attack: Synthesis, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator_module, "_WIDTH", 1)
    grants = PROBABILITIES.model_copy(update={"budget": Budget(images_queried=200_000)})
    gate = Gatekeeper(grants, tiny, Meters(grants.budget), Compute())
    attack.run(Access(gate.answer, grants, tiny.card, Compute()), Rng(0))
    spent = gate.meters.reading()
    assert (spent.images_queried, spent.rounds) == (200_000, 10)


@pytest.mark.parametrize("attack", VARIANTS, ids=lambda attack: attack.name)
def test_each_rounds_images_are_asked_about_once(thief: Thief, attack: Synthesis) -> None:
    world = thief(PROBABILITIES)
    world.play(attack)
    assert world.spent("images_queried") == world.spent("images_unique") == 180
    assert world.spent("rounds") == 3


@pytest.mark.parametrize("attack", VARIANTS, ids=lambda attack: attack.name)
def test_made_up_images_are_in_the_box(thief: Thief, attack: Synthesis) -> None:
    world = thief(PROBABILITIES)
    make = attack.maker(world.access, Rng(0))
    images = make(build(world.access.card, Rng(1)), Rng(2))
    assert images.shape == (60, 1, 8, 8)
    assert 0 <= float(images.min()) <= float(images.max()) <= 1


def test_each_step_of_the_synthesis_is_on_the_meter(thief: Thief) -> None:
    world = thief(PROBABILITIES)
    world.play(VARIANTS[0])
    assert world.spent("steps") == 3 * 1 + 2 * 3  # three estimations, two syntheses
    assert world.spent("images_backward") == 3 * 60 + 2 * 3 * 60
    world = thief(PROBABILITIES)
    world.play(VARIANTS[1])
    assert world.spent("steps") == 3 * 1 + 2 * 2
    assert world.spent("models") == 2


def test_with_memory_the_copy_learns_all_answers_so_far(thief: Thief) -> None:
    world = thief(PROBABILITIES)
    world.play(replace(VARIANTS[0], memory=True))
    assert world.spent("images_queried") == 180
    assert world.spent("images_backward") == (60 + 120 + 180) + 2 * 3 * 60


@pytest.mark.parametrize("attack", VARIANTS, ids=lambda attack: attack.name)
def test_where_the_budget_ends_the_copy_so_far_is_delivered(
    thief: Thief, attack: Synthesis
) -> None:
    world = thief(PROBABILITIES.model_copy(update={"budget": Budget(images_queried=100)}))
    world.play(attack)
    assert world.spent("images_queried") == 100


def test_without_a_single_answer_there_is_no_move(thief: Thief) -> None:
    world = thief(PROBABILITIES.model_copy(update={"budget": Budget(images_queried=0)}))
    with pytest.raises(BudgetExceeded):
        world.play(VARIANTS[0])


@pytest.mark.slow
def test_a_copy_without_data_learns_the_task(thief: Thief) -> None:
    world = thief(PROBABILITIES)
    settings: dict[str, Any] = {"rounds": 6, "n_images": 2000, "epochs": 5, "alphas": (0.1, 0.1)}
    assert world.accuracy(world.play(SynthesisByOptimisation(**settings))) > 0.4


@pytest.mark.slow
def test_better_images_teach_more_than_noise(thief: Thief) -> None:
    settings: dict[str, Any] = {"n_images": 2000, "epochs": 5, "alphas": (0.1, 0.1)}
    noise = thief(PROBABILITIES).play(SynthesisByOptimisation(rounds=1, **settings))
    world = thief(PROBABILITIES)
    assert world.accuracy(world.play(SynthesisByOptimisation(rounds=6, **settings))) > (
        world.accuracy(noise) + 0.1
    )


def test_optimised_images_are_answered_nearer_to_their_targets(trained: Model) -> None:
    targets = dirichlet(torch.full((50, 10), 0.1, dtype=torch.float64), Rng(0))
    start = torch.rand(50, 1, 8, 8, generator=Rng(1).torch())
    before = start.clone()
    found = optimised(Lab(), trained, start, targets, (0.05, 20))
    assert torch.equal(start, before)
    far, near = (float(F.cross_entropy(Lab().logits(trained, x), targets)) for x in (start, found))
    assert near < 0.7 * far


def test_coarse_noise_is_like_its_neighbours_and_of_every_brightness() -> None:
    fine, coarse = (coarse_noise(300, (1, 28, 28), grain, Rng(0)) for grain in (1, 4))
    assert fine.shape == coarse.shape == (300, 1, 28, 28)
    assert 0 <= float(coarse.min()) <= float(coarse.max()) <= 1
    steps = [float((images.diff(dim=3)).abs().mean()) for images in (fine, coarse)]
    assert steps[1] < steps[0] / 3
    spread = [float(images.mean((1, 2, 3)).std()) for images in (fine, coarse)]
    assert spread[1] > 5 * spread[0]
    assert coarse_noise(2, (2, 5, 11), 4, Rng(0)).shape == (2, 2, 5, 11)
    assert coarse_noise(2, (30,), 4, Rng(0)).shape == (2, 30)


def test_a_grain_is_at_least_a_pixel() -> None:
    with pytest.raises(ValueError, match="at least 1 pixel, found 0"):
        SynthesisByOptimisation(grain=0)


def test_dirichlet_rows_sum_to_one_and_have_the_mean_of_the_distribution() -> None:
    alphas = torch.tensor([[1.0, 2.0, 5.0]], dtype=torch.float64).expand(4000, 3)
    rows = dirichlet(alphas, Rng(0))
    torch.testing.assert_close(rows.sum(1), torch.ones(4000))
    torch.testing.assert_close(rows.mean(0), torch.tensor([1, 2, 5]) / 8, atol=0.01, rtol=0)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 28, 28), (2, 5, 11), (30,)])
def test_a_generator_makes_inputs_of_any_shape(shape: tuple[int, ...]) -> None:
    card = ModelCard(architecture="softmax", n_classes=4, input_shape=shape, mean=(0,), std=(1,))
    generator = new_generator(Lab(), card, 5, Rng(0))
    images = generated(Lab(), generator, 7, Rng(1))
    assert images.shape == (7, *shape)
    assert 0 <= float(images.min()) <= float(images.max()) <= 1


def test_a_generator_starts_from_its_stream_and_leaves_the_global_one_alone() -> None:
    card = ModelCard(architecture="softmax", n_classes=4, input_shape=(8,), mean=(0,), std=(1,))
    before = torch.get_rng_state()
    one, again, other = (new_generator(Lab(), card, 5, Rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    first = [made.get_parameter("body.0.weight") for made in (one, again, other)]
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])


def recognised(model: Model, generator: QueryGenerator) -> float:
    labels = torch.arange(10).repeat(20)
    noise = torch.randn(200, generator.latent, generator=Rng(5).torch())
    with torch.no_grad():
        images = generator.eval()(noise, labels)
    return Lab().accuracy(model, Examples(images, labels))


def test_a_taught_generator_makes_what_the_copy_recognises(trained: Model) -> None:
    generator = new_generator(Lab(), trained.card, 10, Rng(0))
    untaught = recognised(trained, generator)
    train_generator(Lab(), generator, trained, Teaching(1e-3, 40, 32, 0.1), Rng(1))
    assert recognised(trained, generator) > max(0.5, untaught)


def test_images_that_differ_as_their_noise_does_have_spread_one() -> None:
    noise = torch.rand(6, 4), torch.rand(6, 4)
    images = noise[0].reshape(6, 1, 2, 2), noise[1].reshape(6, 1, 2, 2)
    assert float(spread_term(noise, images)) == pytest.approx(1, rel=1e-4)
    halved = images[0] / 2, images[1] / 2
    assert float(spread_term(noise, halved)) == pytest.approx(2, rel=1e-4)
