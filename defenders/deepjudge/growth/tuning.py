"""The gap rule: which adversarial examples tell copies from innocents best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from arena.game.sides.lab import Lab
from arena.game.sides.suspect import Suspect
from arena.world.models import Model
from arena.world.training import Examples
from defenders.deepjudge.growth.blackbox_tests import ExampleRecipe
from defenders.deepjudge.growth.generate import blackbox_tests
from defenders.deepjudge.scheme.metrics import robustness
from defenders.deepjudge.scheme.tests import Tests

_ENOUGH = 0.25  # share of seeds that a generator must turn, or its Rob is a matter of few tests


@dataclass(frozen=True)
class Zoo:
    """Models that are compared to choose a generator, and that nobody reports on."""

    innocents: Sequence[Suspect]
    copies: Sequence[Suspect]


def gaps(
    candidates: Sequence[ExampleRecipe],
    seed: str,
    victim: Model,
    seeds: Examples,
    zoo: Zoo,
    lab: Lab,
) -> dict[str, float]:
    """Return for each generator mean RobD of innocents minus mean RobD of copies, by its title.

    Rob of the victim is 0 on its own tests, so RobD is Rob. A generator that turns fewer than a
    quarter of the seeds is left out; if all do, those are kept that turn most. Source: Chen et
    al., S&P 2022.
    """
    found, n_tests = {}, {}
    for how in candidates:
        tests = blackbox_tests(seed, victim, seeds, how, lab)
        found[how.title] = _mean_rob(zoo.innocents, tests) - _mean_rob(zoo.copies, tests)
        n_tests[how.title] = len(tests)
    enough = min(_ENOUGH * len(seeds), max(n_tests.values()))
    return {title: gap for title, gap in found.items() if n_tests[title] >= enough}


def _mean_rob(suspects: Sequence[Suspect], tests: Tests) -> float:
    if not len(tests) or not suspects:
        return 0.0
    found = [robustness(suspect.labels(tests.images), tests.labels) for suspect in suspects]
    return sum(found) / len(found)


def widest(candidates: Sequence[ExampleRecipe], found: Mapping[str, float]) -> ExampleRecipe:
    """Return the generator with the widest gap, the first of equals."""
    return max((how for how in candidates if how.title in found), key=lambda how: found[how.title])
