"""Every registered player keeps every rule: one test for each (player, check)."""

import functools
from typing import Any

import pytest

from arena.game.checks import ATTACK_CHECKS, DEFENSE_CHECKS, Check, attack_trial, defense_trial
from arena.game.sides.attack import attacks
from arena.game.sides.defense import defenses

attack_of = functools.cache(lambda name: attack_trial(attacks.find(name)))
defense_of = functools.cache(lambda name: defense_trial(defenses.find(name)))


@pytest.mark.parametrize("check", ATTACK_CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize("name", attacks.classes())
def test_attack(name: str, check: Check[Any]) -> None:
    assert check.problems(attack_of(name)) == [], check.sentence


@pytest.mark.parametrize("check", DEFENSE_CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize("name", defenses.classes())
def test_defense(name: str, check: Check[Any]) -> None:
    assert check.problems(defense_of(name)) == [], check.sentence
