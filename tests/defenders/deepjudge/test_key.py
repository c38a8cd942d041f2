"""Keys: what they hold, that they survive storage, and what innocents show in them."""

from __future__ import annotations

import pytest
import torch

from arena.game.rules.keys import Key
from arena.world.bundle import Bundle
from arena.world.training import Examples
from defenders.deepjudge.case import Case, Measurement
from defenders.deepjudge.growth.generate import derives
from defenders.deepjudge.scheme.key import Contents, nulls_of
from tests.defenders.deepjudge.conftest import PLAN, SEED

NULLS = {"all": {"RobD": [0.8, 0.9], "NOD": [1.0, 2.0]}, "exposed": {"RobD": [0.7, 0.8]}}


@pytest.fixture(scope="module")
def contents(case: Case, pool: Examples) -> Contents:
    return Contents(PLAN, case, pool, NULLS, {"pgd 0.15": 0.5})


def test_a_key_survives_storage(contents: Contents) -> None:
    key = Key.read(Bundle.from_bytes(contents.key(SEED).bundle().to_bytes()))
    again = Contents.read(key)
    assert key.commitment() == contents.key(SEED).commitment()
    assert again.plan == PLAN
    assert again.nulls == NULLS
    assert again.gaps == {"pgd 0.15": 0.5}
    assert derives(contents.case, again.case)
    assert torch.equal(contents.pool.images, again.pool.images)
    assert again.case.victim.digest() == contents.case.victim.digest()
    assert again.key(SEED).commitment() == key.commitment()


def test_calibrations_are_those_of_the_part_with_each_kinds_alpha(contents: Contents) -> None:
    found = contents.calibrations("all", (0.9, 0.6))
    assert {name: c.alpha for name, c in found.items()} == {"RobD": 0.9, "NOD": 0.6}
    assert found["RobD"].nulls == (0.8, 0.9)
    assert found["RobD"].n_tests == len(contents.case.blackbox)
    exposed = contents.calibrations("exposed", (0.9, 0.6))
    assert exposed["RobD"].n_tests == int((contents.case.blackbox.seed % 2 == 0).sum())
    assert contents.calibrations("held-out", (0.9, 0.6)) == {}


def test_an_innocent_counts_where_the_metric_applies_to_it() -> None:
    whole = Measurement({"all": {"RobD": 0.9, "NOD": 1.0}})
    outside = Measurement({"all": {"RobD": 0.8}}, {"NOD": "another architecture"})
    assert nulls_of([whole, outside]) == {"all": {"RobD": [0.9, 0.8], "NOD": [1.0, None]}}
