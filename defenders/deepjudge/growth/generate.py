"""From a committed seed to test cases: run by the owner, and again by whoever re-derives them."""

from __future__ import annotations

import torch

from arena.game.rules.keys import expand
from arena.game.sides.lab import Lab
from arena.world import layers
from arena.world.json_values import Frozen
from arena.world.models import Model
from arena.world.training import Examples
from defenders.deepjudge.case import Case
from defenders.deepjudge.growth.blackbox_tests import ExampleRecipe, adversarial
from defenders.deepjudge.growth.neuron_function import path_to
from defenders.deepjudge.growth.seeds import most_certain
from defenders.deepjudge.growth.whitebox_tests import Growth, grow, reference_bounds
from defenders.deepjudge.scheme.tests import Tests
from defenders.fingerprints.scheme import alike, drawn, floats


class GrowthPlan(Frozen):
    """Everything but the seed, the victim and the pool that test cases follow from."""

    generator: ExampleRecipe
    growth: Growth
    layer: str
    n_seeds: int
    n_whitebox: int
    share: float

    def but(self, **changes: object) -> GrowthPlan:
        """Return the same plan with some fields replaced."""
        return self.model_copy(update=changes)


def default_layer(victim: Model) -> str:
    """Return the second hidden activation (the only one, or "" for none): a shallow layer."""
    hidden = layers.activations(victim, victim.card.input_shape)
    return hidden[min(1, len(hidden) - 1)] if hidden else ""


def seed_images(seed: str, victim: Model, pool: Examples, plan: GrowthPlan, lab: Lab) -> Examples:
    """Return the seeds: of a share of the pool that the committed seed draws, the most certain.

    Args:
        seed: the committed seed.
        victim: what is right and certain of them.
        pool: held-out images with their true classes.
        plan: how many.
        lab: where models run.
    """
    n_drawn = max(1, round(len(pool) * plan.share))
    mine = pool.select(drawn(len(pool), n_drawn, expand(seed, "deepjudge pool")))
    answers = lab.logits(victim, mine.images).softmax(1)
    chosen = mine.select(most_certain(answers, mine.targets, plan.n_seeds))
    return Examples(floats(chosen.images), chosen.targets)


def blackbox_tests(
    seed: str, victim: Model, seeds: Examples, how: ExampleRecipe, lab: Lab
) -> Tests:
    """Return the adversarial examples that the victim misclassifies: Rob of the victim is 0."""
    rng = expand(seed, f"deepjudge {how.title}")
    view = lab.frozen(victim)
    if how.method == "cw":  # an optimiser moves the images, by a step a call
        view.register_forward_pre_hook(lambda *_: lab.meter.charge({"steps": 1}))
    images = adversarial(view, seeds.images, seeds.targets, how, rng)
    fooled = lab.labels(victim, images) != seeds.targets
    number = torch.arange(len(seeds))
    return Tests(images, seeds.targets, number, number[:0]).select(fooled)


def whitebox_tests(
    victim: Model, seeds: Examples, pool: Examples, plan: GrowthPlan, lab: Lab
) -> Tests:
    """Return the tests grown from the seeds for every neuron of the layer."""
    none = torch.zeros(0, dtype=torch.int64)
    if not plan.layer:
        return Tests(seeds.images[:0], none, none, none)
    compute = lab.compute
    bounds = reference_bounds(victim, plan.layer, pool.images, plan.growth.factor, compute)
    path = path_to(victim, plan.layer, compute)
    placed = seeds.images.to(compute.device), bounds.to(compute.device)
    grown = grow(path, *placed, plan.growth, lab.progress)
    lab.meter.charge({"images_forward": grown.n_steps, "images_backward": grown.n_steps})
    return Tests(grown.images, seeds.targets[grown.seed], grown.seed, grown.neuron)


def make_case(seed: str, victim: Model, pool: Examples, plan: GrowthPlan, lab: Lab) -> Case:
    """Return the case that a seed expands to."""
    seeds = seed_images(seed, victim, pool, plan, lab)
    few = Examples(seeds.images[: plan.n_whitebox], seeds.targets[: plan.n_whitebox])
    return Case(
        victim,
        blackbox_tests(seed, victim, seeds, plan.generator, lab),
        whitebox_tests(victim, few, pool, plan, lab),
        plan.layer,
        pool.images,
    )


def derives(case: Case, again: Case) -> bool:
    """Say whether a second derivation found the same tests, up to another machine's rounding."""
    pairs = ((case.blackbox, again.blackbox), (case.whitebox, again.whitebox))
    return all(
        alike(tensor, second.tensors()[name])
        for first, second in pairs
        for name, tensor in first.tensors().items()
    )
