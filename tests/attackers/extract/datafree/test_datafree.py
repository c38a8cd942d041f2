"""Copies without data: the losses, the guessed gradient, what a turn costs, a short game."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arena import testing
from arena.errors import BudgetExceeded
from arena.game.rules.threat import Budget, ThreatModel
from arena.game.sides.lab import Lab
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task
from attackers.extract.datafree.dfme import Dfme
from attackers.extract.datafree.disagreement import (
    Clone,
    Differences,
    PixelGenerator,
    ask_all,
    divergence,
    guessed_gradient,
    logit_distance,
    shown,
)
from attackers.extract.datafree.generators import ByDisagreement
from attackers.extract.datafree.maze import Maze
from tests.attackers.conftest import Thief

GRANTS = ThreatModel(output="probabilities")
SHORT: list[ByDisagreement] = [
    Maze(n_queries=1200, batch=20, latent=8),
    Dfme(n_queries=1200, batch=20, latent=8),
]
each = pytest.mark.parametrize("move", SHORT, ids=lambda move: move.name)


@given(st.integers(0, 10**6), st.integers(2, 6), st.floats(-5, 5))
def test_disagreement_is_0_for_equal_answers_whatever_the_constant(
    seed: int, n_classes: int, constant: float
) -> None:
    logits = torch.randn(6, n_classes, generator=torch.Generator().manual_seed(seed))
    for loss in (divergence, logit_distance):
        same = loss(logits.softmax(1), logits + constant)
        torch.testing.assert_close(same, torch.zeros(6), atol=1e-4, rtol=0)
        assert bool((loss(logits.softmax(1), logits.flip(0)) >= -1e-5).all())


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 28, 28), (7,)])
def test_a_generator_makes_images_of_any_shape(shape: tuple[int, ...]) -> None:
    images = shown(PixelGenerator(shape, 5)(torch.randn(4, 5, generator=Rng(0).torch()))).detach()
    assert images.shape == (4, *shape)
    assert 0 <= float(images.min()) <= float(images.max()) <= 1


@pytest.mark.parametrize(("move", "cost"), [(Maze(), 1920), (Dfme(), 1792)])
def test_a_turn_at_the_papers_settings_costs_what_it_costs_there(
    move: ByDisagreement, cost: int
) -> None:
    assert move.queries_a_turn == cost


def test_the_guessed_gradient_is_that_of_autograd(task: Task) -> None:
    """Two softmax regressions, as many directions as make the guess sharp."""
    card = task.card_for("softmax")
    victim, copy = (build(card, Rng(i)) for i in range(2))
    world = testing.thief(task, victim, GRANTS)
    sgd = torch.optim.SGD(copy.parameters(), 0.1)
    maps = torch.randn(3, 1, 8, 8, generator=Rng(2).torch())
    point = maps.clone().requires_grad_(True)
    exact = divergence(victim(shown(point)).softmax(1), copy(shown(point))).sum()
    (wanted,) = torch.autograd.grad(exact, point)
    clone, answers = Clone(Lab(), copy, sgd, divergence), world.access.query(shown(maps))
    how = Differences(n_directions=600, length=0.02)
    found = guessed_gradient(world.access, clone, maps, answers, how, Rng(3))
    likeness = torch.cosine_similarity(found.flatten(1), wanted.flatten(1))
    assert float(likeness.min()) > 0.85
    assert float(found.norm() / wanted.norm()) == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize("move", [Maze(), Dfme()], ids=lambda move: move.name)
def test_under_autocast_the_guess_at_the_usual_settings_is_that_of_float32(
    task: Task, trained: Model, move: ByDisagreement
) -> None:
    """A difference of 1e-3 is far below the rounding of bfloat16, in answers and in the copy."""
    copy, guesses, loss = build(task.card, Rng(1)).eval(), [], type(move).loss
    maps = torch.randn(move.batch, 1, 8, 8, generator=Rng(2).torch())
    point = maps.clone().requires_grad_(True)
    exact = loss(trained(shown(point)).softmax(1), copy(shown(point))).sum()
    (wanted,) = torch.autograd.grad(exact, point)
    for precision in ("float32", "bfloat16"):
        spec = task.spec.model_copy(update={"precision": precision})
        access = testing.thief(replace(task, spec=spec), trained, GRANTS).access
        sgd = torch.optim.SGD(copy.parameters(), move.lr)
        clone, answers = Clone(access.lab, copy, sgd, loss), access.query(shown(maps))
        how = Differences(move.n_directions, move.length)
        guesses.append(guessed_gradient(access, clone, maps, answers, how, Rng(3)))
    exactly, rounded = (
        float(torch.cosine_similarity(guess.flatten(1), wanted.flatten(1)).mean())
        for guess in guesses
    )
    assert rounded == pytest.approx(exactly, abs=0.01)
    assert exactly > (move.n_directions / 64) ** 0.5 / 2  # as much as so few directions can tell


@pytest.mark.parametrize(
    ("output", "decimals", "least"),
    [("probabilities", None, 1e-7), ("probabilities", 2, 0.005), ("logits", 2, 1e-7)],
)
def test_an_answer_of_zero_counts_as_half_a_unit_of_the_last_decimal(
    thief: Thief, output: str, decimals: int | None, least: float
) -> None:
    """Of rounded logits no probability was cut."""
    access = thief(GRANTS.model_copy(update={"output": output, "decimals": decimals})).access
    images = torch.rand(50, 1, 8, 8, generator=Rng(0).torch())
    rows = access.soft_answers(images)
    assert torch.equal(ask_all(access, images), rows.clamp_min(least))
    assert bool((rows < 0.005).any())


@each
def test_it_asks_no_more_than_it_says(thief: Thief, move: ByDisagreement) -> None:
    world = thief(GRANTS)
    world.play(move)
    turns = 1200 // move.queries_a_turn
    assert world.spent("images_queried") == turns * move.queries_a_turn <= 1200
    steps = turns * (1 + move.clone_steps + move.replay_steps)
    assert world.spent("steps") == steps
    assert world.spent("models") == 2


@each
def test_where_the_budget_ends_early_the_copy_is_what_it_is(
    thief: Thief, move: ByDisagreement
) -> None:
    world = thief(GRANTS.model_copy(update={"budget": Budget(images_queried=700)}))
    assert world.play(move).digest() != world.victim.digest()
    with pytest.raises(BudgetExceeded):
        thief(GRANTS.model_copy(update={"budget": Budget(images_queried=10)})).play(move)


@each
def test_labels_are_not_enough(move: ByDisagreement) -> None:
    assert ThreatModel(output="labels").missing(move.needs) != []
    assert GRANTS.missing(move.needs) == []


def test_the_copy_learns_what_it_is_shown(task: Task) -> None:
    """The losses fall: the copy ends nearer to the victim than it began."""
    model = build(task.card, Rng(0))
    sgd = torch.optim.SGD(model.parameters(), 0.05)
    clone = Clone(Lab(), model, sgd, divergence)
    images = torch.rand(40, 1, 8, 8, generator=Rng(1).torch())
    answers = torch.randn(40, 10, generator=Rng(2).torch()).softmax(1)
    before = float(clone.disagreement(images, answers).mean())
    for _ in range(60):
        clone.remember(images, answers)
        clone.replay(Rng(3))
    assert clone.n_steps == 60
    assert float(clone.disagreement(images, answers).mean()) < before
