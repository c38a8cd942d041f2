"""Every registered defence keeps every rule: one test for each (defence, check)."""

import functools
from typing import Any

import pytest

from arena.game.checks import DEFENSE_CHECKS, Check, defense_trial
from arena.game.sides.defense import defenses

LONG = {"adi", "deepjudge", "ipguard"}
"""Players whose checks take a tenth of a minute and more."""

defense_of = functools.cache(lambda name: defense_trial(defenses.find(name)))


@pytest.mark.parametrize("check", DEFENSE_CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in defenses.classes()],
)
def test_defense(name: str, check: Check[Any]) -> None:
    assert check.problems(defense_of(name)) == [], check.sentence
