"""Every registered attack keeps every rule: one test for each (attack, check)."""

import functools
from typing import Any

import pytest

from arena.game.checks import ATTACK_CHECKS, Check, attack_trial
from arena.game.sides.attack import attacks
from tests.game.checks.cases import cases

LONGER = {
    "art-functional",
    "forge-passport-2",
    "forge-passport-3",
    "forge-passport-cerb",
    "forge-passport-ierb",
}

attack_of = functools.cache(lambda name: attack_trial(attacks.find(name)))


@pytest.mark.parametrize(
    ("name", "check"), cases(attacks.classes(), ATTACK_CHECKS, long=(), longer=LONGER)
)
def test_attack(name: str, check: Check[Any]) -> None:
    assert check.problems(attack_of(name)) == [], check.sentence
