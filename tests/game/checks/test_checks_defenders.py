"""Every registered defence keeps every rule: one test for each (defence, check)."""

import functools
from typing import Any

import pytest

from arena.game.checks import DEFENSE_CHECKS, Check, defense_trial
from arena.game.sides.defense import defenses
from tests.game.checks.cases import cases

LONG = {
    "adi",
    "blackmarks",
    "cem",
    "deepjudge",
    "ewe",
    "frontier-stitching",
    "ipguard",
    "zhang-noise",
    "zhang-unrelated",
}

defense_of = functools.cache(lambda name: defense_trial(defenses.find(name)))


@pytest.mark.parametrize(("name", "check"), cases(defenses.classes(), DEFENSE_CHECKS, LONG))
def test_defense(name: str, check: Check[Any]) -> None:
    assert check.problems(defense_of(name)) == [], check.sentence
