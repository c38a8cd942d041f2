"""Every registered attack keeps every rule: one test for each (attack, check)."""

import functools
from typing import Any

import pytest

from arena.game.checks import ATTACK_CHECKS, Check, attack_trial
from arena.game.sides.attack import attacks

LONG = {
    "art-functional",
    "forge-passport-2",
    "forge-passport-3",
    "forge-passport-cerb",
    "forge-passport-ierb",
}
"""Players whose checks take a tenth of a minute and more."""

attack_of = functools.cache(lambda name: attack_trial(attacks.find(name)))


@pytest.mark.parametrize("check", ATTACK_CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in attacks.classes()],
)
def test_attack(name: str, check: Check[Any]) -> None:
    assert check.problems(attack_of(name)) == [], check.sentence
