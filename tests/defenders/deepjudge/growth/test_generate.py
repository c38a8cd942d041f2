"""From a committed seed to a case, and the gap rule that chooses its generator."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from arena.game.rules.meters import Meters
from arena.game.sides.lab import Lab
from arena.game.sides.suspect import Suspect
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Examples, Free
from defenders.deepjudge.case import Case
from defenders.deepjudge.growth import tuning
from defenders.deepjudge.growth.blackbox_tests import ExampleRecipe
from defenders.deepjudge.growth.generate import (
    blackbox_tests,
    default_layer,
    derives,
    make_case,
    seed_images,
    whitebox_tests,
)
from defenders.deepjudge.growth.seeds import certainty
from defenders.deepjudge.growth.tuning import Zoo, gaps, widest
from defenders.deepjudge.growth.whitebox_tests import Growth, reference_bounds
from defenders.deepjudge.scheme.metrics import neurons, robustness
from defenders.deepjudge.scheme.tests import Tests as Cases
from tests.defenders.conftest import COMPUTE, LAB
from tests.defenders.deepjudge.conftest import PLAN, SEED

pytestmark = pytest.mark.long

OTHER = "0f" * 32
METHODS = [
    ExampleRecipe(method="fgsm", eps=0.2),
    ExampleRecipe(eps=0.15),
    ExampleRecipe(eps=0.2, steps="projected"),
    ExampleRecipe(eps=0.03, steps="repository"),
    ExampleRecipe(method="cw", confidence=0.5),
]


def bytes_of(images: Tensor) -> list[bytes]:
    return [image.contiguous().numpy().tobytes() for image in images]


def test_seeds_are_the_most_certain_of_the_share_that_the_seed_draws(
    victim: Model, pool: Examples
) -> None:
    all_right = seed_images(SEED, victim, pool, PLAN.but(n_seeds=10**6), LAB)
    few = seed_images(SEED, victim, pool, PLAN.but(n_seeds=10), LAB)
    assert torch.equal(few.images, all_right.images[:10])
    sure = certainty(LAB.logits(victim, all_right.images).softmax(1))
    assert torch.allclose(sure, sure.sort(descending=True).values, atol=1e-6)
    assert LAB.accuracy(victim, all_right) == 1
    assert len(all_right) <= round(0.75 * len(pool))
    shown = set(bytes_of(pool.images.float() / 255))
    assert set(bytes_of(all_right.images)) <= shown


def test_nobody_who_knows_pool_and_victim_knows_the_seeds(victim: Model, pool: Examples) -> None:
    """An accuser cannot choose them either: they follow from what it committed to."""
    one, again, other = (
        bytes_of(seed_images(seed, victim, pool, PLAN, LAB).images) for seed in (SEED, SEED, OTHER)
    )
    assert one == again
    assert len(set(one) & set(other)) < len(one)


def test_the_steps_of_an_optimiser_that_moves_images_are_on_the_meter(
    victim: Model, pool: Examples
) -> None:
    meters = Meters()
    seeds = seed_images(SEED, victim, pool, PLAN.but(n_seeds=10), LAB)
    how = ExampleRecipe(method="cw", n_cw_steps=7)
    blackbox_tests(SEED, victim, seeds, how, Lab(COMPUTE, meters))
    spent = meters.reading()
    assert 1 <= spent.steps <= 7
    assert spent.images_backward == spent.steps * len(seeds)


@pytest.mark.parametrize("how", METHODS, ids=lambda how: f"{how.title} {how.steps}")
def test_only_successful_examples_are_kept_so_rob_of_the_victim_is_0(
    victim: Model, seeds: Examples, how: ExampleRecipe
) -> None:
    """A test of Chen et al., S&P 2022, fools the model by construction."""
    tests = blackbox_tests(SEED, victim, seeds, how, LAB)
    assert 0 < len(tests) <= len(seeds)
    assert robustness(LAB.labels(victim, tests.images), tests.labels) == 0
    assert torch.equal(tests.labels, seeds.targets[tests.seed])
    assert len(set(tests.seed.tolist())) == len(tests)


def test_a_generator_too_weak_to_turn_anything_makes_no_tests(
    victim: Model, seeds: Examples
) -> None:
    assert len(blackbox_tests(SEED, victim, seeds, ExampleRecipe(eps=1e-6), LAB)) == 0


def test_whitebox_tests_exceed_the_bound_of_their_neuron_on_the_victim(
    case: Case, victim: Model, pool: Examples
) -> None:
    """Chen et al., S&P 2022: phi > m * the largest output on the pool."""
    largest = COMPUTE.activations(victim, pool.images, [PLAN.layer], neurons)[PLAN.layer].amax(0)
    tests = case.whitebox
    outputs = COMPUTE.activations(victim, tests.images, [PLAN.layer], neurons)[PLAN.layer]
    own = outputs.gather(1, tests.neuron[:, None])[:, 0]
    assert len(tests) > 100
    assert bool((own > 3 * largest[tests.neuron]).all())
    assert int(tests.seed.max()) < PLAN.n_whitebox


def test_dead_neurons_have_no_tests_and_are_reported(
    victim: Model, seeds: Examples, pool: Examples
) -> None:
    """A channel that BatchNorm and ReLU hold at 0, and those that no image reached in time."""
    maimed = victim.copy()
    with torch.no_grad():
        maimed.get_parameter("body.norm2.weight")[3] = 0.0
        maimed.get_parameter("body.norm2.bias")[3] = -1.0
    few = Examples(seeds.images[:3], seeds.targets[:3])
    tests = whitebox_tests(maimed, few, pool, PLAN, LAB)
    bounds = reference_bounds(maimed, PLAN.layer, pool.images, 3.0, COMPUTE)
    assert bounds[3] == 0
    untested = Case(maimed, tests.select(tests.seed < 0), tests, PLAN.layer).untested()
    assert 3 in untested
    assert set(untested) == set(range(32)) - set(tests.neuron.tolist())


def test_growth_is_on_the_meter(victim: Model, seeds: Examples, pool: Examples) -> None:
    spent: dict[str, float] = {}

    class Counting(Free):
        def charge(self, costs: Mapping[str, float]) -> None:
            for name, cost in costs.items():
                spent[name] = spent.get(name, 0) + cost

    few = Examples(seeds.images[:1], seeds.targets[:1])
    whitebox_tests(victim, few, pool, PLAN, Lab(COMPUTE, Counting()))
    assert spent["images_backward"] >= 32  # one seed, 32 neurons, a step each at least


@pytest.mark.parametrize(
    ("architecture", "arguments", "layer"),
    [
        ("cnn8", {}, "body.relu2"),
        ("mlp", {"hidden": (8,)}, "body.relu1"),
        ("softmax", {}, ""),
    ],
)
def test_the_default_layer_is_the_second_activation_or_the_only_one(
    task: Task, architecture: str, arguments: dict[str, object], layer: str
) -> None:
    card = task.card.model_copy(update={"architecture": architecture, "arguments": arguments})
    assert default_layer(build(card, Rng(0))) == layer


def test_without_a_hidden_layer_there_are_no_whitebox_tests(
    task: Task, seeds: Examples, pool: Examples
) -> None:
    card = task.card.model_copy(update={"architecture": "softmax", "arguments": {}})
    tests = whitebox_tests(build(card, Rng(0)), seeds, pool, PLAN.but(layer=""), LAB)
    assert len(tests) == 0
    assert tests.images.shape[1:] == seeds.images.shape[1:]


def test_a_case_derives_from_its_seed_and_no_other(
    case: Case, victim: Model, pool: Examples
) -> None:
    quick = PLAN.but(n_whitebox=1, growth=Growth(n_steps=60))
    one, again, other = (make_case(seed, victim, pool, quick, LAB) for seed in (SEED, SEED, OTHER))
    assert derives(one, again)
    assert not derives(one, other)
    assert not derives(one, make_case(SEED, victim, pool, quick.but(n_seeds=59), LAB))


@pytest.mark.parametrize("group", ["blackbox", "whitebox"])
def test_rounding_is_forgiven_and_a_swapped_label_or_image_is_not(case: Case, group: str) -> None:
    tests: Cases = getattr(case, group)

    def but(**changes: Tensor) -> Case:
        part: dict[str, Any] = {group: dataclasses.replace(tests, **changes)}
        return dataclasses.replace(case, **part)

    assert derives(case, but(images=tests.images + 1e-6))
    assert not derives(case, but(images=tests.images.flip(0)))
    assert not derives(case, but(labels=(tests.labels + 1) % 10))
    assert not derives(case, but(seed=tests.seed.flip(0)))


class Answers:
    """Suspects with a known Rob: the first tests of each batch get the true class, or none does."""

    def __init__(self, victim: Model, share: float) -> None:
        self.victim, self.share = victim, share

    def suspect(self, tests_of: Cases) -> Suspect:
        truth = torch.nn.functional.one_hot(tests_of.labels, 10).float()

        def answer(images: Tensor) -> Tensor:
            rows = COMPUTE.probabilities(self.victim, images)
            right = round(self.share * len(images))
            return torch.cat([truth[:right], rows[right:]])

        return Suspect(answer, "labels", self.victim.card)


def test_the_gap_is_the_innocents_mean_robd_minus_the_copies(
    victim: Model, seeds: Examples
) -> None:
    """RobD by definition, against the victim; suspects whose Rob is known beforehand."""
    how = ExampleRecipe(eps=0.2)
    tests = blackbox_tests(SEED, victim, seeds, how, LAB)
    zoo = Zoo(
        [Answers(victim, share).suspect(tests) for share in (0.5, 1.0)],
        [Answers(victim, share).suspect(tests) for share in (0.0, 0.25)],
    )
    (found,) = gaps([how], SEED, victim, seeds, zoo, LAB).values()
    n = len(tests)
    expected = (round(0.5 * n) + n) / n / 2 - round(0.25 * n) / n / 2
    assert found == pytest.approx(expected)


def test_the_widest_gap_wins_the_first_of_equals() -> None:
    candidates = [ExampleRecipe(eps=eps) for eps in (0.1, 0.2, 0.3)]
    found = {"pgd 0.1": 0.4, "pgd 0.2": 0.6, "pgd 0.3": 0.6}
    assert widest(candidates, found).eps == 0.2
    assert widest(candidates, {"pgd 0.1": -0.5}).eps == 0.1


def test_a_generator_that_turns_few_seeds_is_left_out_unless_all_do(
    victim: Model, seeds: Examples, nulls: list[Model]
) -> None:
    zoo = Zoo([Suspect.bare(nulls[0], COMPUTE)], [Suspect.bare(victim, COMPUTE)])
    weak, strong = ExampleRecipe(eps=0.03), ExampleRecipe(eps=0.2)
    assert len(blackbox_tests(SEED, victim, seeds, weak, LAB)) < tuning._ENOUGH * len(seeds)
    assert set(gaps([weak, strong], SEED, victim, seeds, zoo, LAB)) == {strong.title}
    assert set(gaps([weak], SEED, victim, seeds, zoo, LAB)) == {weak.title}


def test_no_generator_that_makes_no_tests_is_chosen_over_one_that_does(
    victim: Model, seeds: Examples
) -> None:
    """Without a test there is no gap: the empty set must not beat a small or negative one."""
    copies = [Suspect.bare(victim, COMPUTE)]
    none, surest = ExampleRecipe(eps=1e-6), seeds.select(torch.arange(30))
    some = next(  # few tests, and fewer than are enough
        recipe
        for recipe in (ExampleRecipe(eps=i / 200) for i in range(30, 2, -1))
        if 0 < len(blackbox_tests(SEED, victim, surest, recipe, LAB)) < tuning._ENOUGH * 30
    )
    zoo = Zoo(copies, copies)
    found = gaps([none, some], SEED, victim, surest, zoo, LAB)
    assert widest([none, some], found) == some
