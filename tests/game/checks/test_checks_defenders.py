"""Every registered defence keeps every rule: one test for each (defence, check)."""

import functools
from typing import Any

import pytest

from arena.game.checks import DEFENSE_CHECKS, Check, defense_trial
from arena.game.sides.defense import defenses
from tests.game.checks.cases import cases

LONG = {
    "adv-tra",
    "akh",
    "dawn",
    "deepipr-v1",
    "deepipr-v2",
    "deepipr-v3",
    "greedy",
    "ipr-gan",
    "ipr-ic",
    "lottery",
    "margin",
    "pan",
    "prada",
    "recurrent-ipr",
    "riga",
    "zhang",
}
LONGER = {
    "adi",
    "blackmarks",
    "cem",
    "cfw",
    "dataset-inference",
    "dataset-inference-mingd",
    "deepjudge",
    "ewe",
    "frontier-stitching",
    "ipguard",
    "zhang-noise",
    "zhang-unrelated",
}

defense_of = functools.cache(lambda name: defense_trial(defenses.find(name)))


@pytest.mark.parametrize(("name", "check"), cases(defenses.classes(), DEFENSE_CHECKS, LONG, LONGER))
def test_defense(name: str, check: Check[Any]) -> None:
    assert check.problems(defense_of(name)) == [], check.sentence
