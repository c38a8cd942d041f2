"""Jacobian-based augmentation: the count of its queries, its gradient, its box."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from arena.errors import BudgetExceeded
from arena.game.rules.threat import Budget, ThreatModel
from arena.game.sides.lab import Lab
from arena.world.models import Model
from arena.world.training import Examples
from attackers.extract.jba import JacobianAugmentation, moved
from tests.attackers.conftest import Thief

LABELS = ThreatModel(output="labels", data=1)
SMALL = JacobianAugmentation(n_seeds=10, rounds=4, epochs=2)


def known(model: Model, n: int = 40) -> Examples:
    images = torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return Examples(images, torch.nn.functional.one_hot(Lab().labels(model, images), 10).float())


def test_the_default_asks_about_4800_images_and_nearly_all_are_new(thief: Thief) -> None:
    world = thief(LABELS.model_copy(update={"budget": Budget(images_queried=4800)}))
    world.play(replace(JacobianAugmentation(), epochs=1))
    assert (world.spent("images_queried"), world.spent("rounds")) == (4800, 6)
    assert world.spent("images_unique") > 4750  # two steps may clip to the same image


@pytest.mark.parametrize(("rounds", "n_queries"), [(1, 10), (2, 20), (4, 80)])
def test_each_round_doubles_what_is_known(thief: Thief, rounds: int, n_queries: int) -> None:
    world = thief(LABELS)
    world.play(replace(SMALL, rounds=rounds))
    assert world.spent("images_queried") == n_queries
    assert world.spent("rounds") == rounds


def test_a_reservoir_bounds_the_growth(thief: Thief) -> None:
    """q = n_0 * 2^sigma + kappa * (growths - sigma): Papernot et al., AsiaCCS 2017."""
    world = thief(LABELS)
    world.play(replace(SMALL, rounds=6, reservoir=7, reservoir_after=3))
    assert world.spent("images_queried") == 10 * 2**3 + 7 * 2


def test_the_gradient_is_that_of_the_chosen_logit(trained: Model) -> None:
    examples = known(trained)
    images = examples.images.clone().requires_grad_(True)
    chosen = trained(images).gather(1, examples.targets.argmax(1)[:, None]).sum()
    (gradient,) = torch.autograd.grad(chosen, images)
    wanted = (examples.images + 0.1 * gradient.sign()).clamp(0, 1)
    torch.testing.assert_close(moved(Lab(), trained, examples, 0.1), wanted)


def test_the_gradient_is_not_the_noise_of_a_constant(trained: Model) -> None:
    """The sum over a softmax is constant: whoever differentiates that follows rounding errors."""
    examples = known(trained)
    before = Lab().logits(trained, examples.images)
    after = Lab().logits(trained, moved(Lab(), trained, examples, 0.02))
    chosen = examples.targets.argmax(1)[:, None]
    gain = after.gather(1, chosen) - before.gather(1, chosen)
    assert float((gain > 0).float().mean()) > 0.9
    against = Lab().logits(trained, moved(Lab(), trained, examples, -0.02))
    assert float((against.gather(1, chosen) < before.gather(1, chosen)).float().mean()) > 0.9


def test_images_stay_in_the_box_and_move_by_the_step(trained: Model) -> None:
    examples = known(trained)
    found = moved(Lab(), trained, examples, 0.3)
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    assert float((found - examples.images).abs().max()) <= 0.3 + 1e-6


def test_the_copy_learns_the_task_from_labels_alone(thief: Thief) -> None:
    world = thief(LABELS)
    copy = world.play(JacobianAugmentation(rounds=4))
    assert copy.card.architecture == "mlp"
    assert world.accuracy(copy) > 0.8


def test_where_the_budget_ends_the_thief_trains_on_with_what_it_has(thief: Thief) -> None:
    world = thief(LABELS.model_copy(update={"budget": Budget(images_queried=33)}))
    world.play(SMALL)
    assert world.spent("images_queried") == 33


def test_without_a_single_answer_there_is_no_move(thief: Thief) -> None:
    world = thief(LABELS.model_copy(update={"budget": Budget(images_queried=0)}))
    with pytest.raises(BudgetExceeded):
        world.play(SMALL)
