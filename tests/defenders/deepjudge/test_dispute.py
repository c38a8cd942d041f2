"""What an accuser chooses: nothing, as tests follow from a seed and the judge has its own nulls."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from arena.game.court.dispute import Court, Party
from arena.game.rules.keys import Register
from arena.game.sides.defense import OwnerTask
from arena.game.sides.suspect import Suspect
from arena.world.models import Model
from arena.world.rng import Rng
from attackers.modify.finetune import FineTuneLast
from tests.defenders.conftest import COMPUTE, Marking
from tests.defenders.deepjudge.conftest import QUICK, Thieves

pytestmark = pytest.mark.long


def test_the_tests_follow_from_the_committed_seed(mark: Marking) -> None:
    key = mark(QUICK).key
    assert QUICK.rederive(key).commitment() == key.commitment()


@pytest.mark.parametrize("name", ["blackbox/images", "blackbox/labels", "whitebox/images"])
def test_an_accuser_cannot_choose_its_tests(mark: Marking, name: str) -> None:
    """A forged fingerprint: saturating or transferable inputs are not what the seed expands to."""
    key = mark(QUICK).key
    forged = replace(key, tensors={**key.tensors, name: key.tensors[name].flip(0)})
    again = QUICK.rederive(forged)
    assert again.commitment() != forged.commitment()
    assert torch.equal(again.tensors[name], key.tensors[name])


def court(suspect: Model, nulls: list[Model]) -> Court:
    """A judge that compares with models of its own."""
    own = [Suspect.bare(model, COMPUTE) for model in nulls]
    shown = Suspect.bare(suspect, COMPUTE)
    return Court(shown, Register(), own, Rng(0), frozenset({"nulls", "seeded"}))


def test_an_accuser_cannot_choose_its_negatives(
    mark: Marking, innocent: Model, strangers: list[Model]
) -> None:
    """A forged threshold: negatives that raise tau make innocents copies, the judge's own do not.

    The forged key verifies on an innocent model, and on every model that the judge trained.
    """
    key = mark(QUICK).key
    far = {"RobD": [1.0] * 12, "JSD": [0.69 + i / 10**4 for i in range(12)]}
    forged = replace(key, settings={**key.settings, "nulls": {"all": far}})
    shown = Suspect.bare(innocent, COMPUTE)
    assert QUICK.verify(forged, shown, Rng(0)).is_copy
    assert not QUICK.verify(key, shown, Rng(0)).is_copy
    claim = court(innocent, strangers).rule(Party(QUICK, key), Party(QUICK, forged))
    assert claim.winner == "owner"
    assert claim.failed == ("nulls",)


def test_an_honest_claim_stands_before_the_judges_negatives(
    mark: Marking, stolen: Thieves, strangers: list[Model]
) -> None:
    key = mark(QUICK).key
    copy = stolen(FineTuneLast())
    claim = court(copy, strangers).rule(Party(QUICK, key), Party(QUICK, key))
    assert claim.failed == ()
    assert claim.winner == "claimant"  # nothing dates either key


def test_a_seed_that_was_found_later_expands_to_other_tests(mark: Marking) -> None:
    key = mark(QUICK).key
    assert QUICK.rederive(replace(key, seed="00" * 32)).commitment() != key.commitment()


def test_without_a_protocol_the_seed_is_thrown_away(owner_task: OwnerTask) -> None:
    quick = replace(QUICK, n_seeds=8, growth_steps=5, protocol="none")
    assert quick.protect(owner_task, Rng(4)).key.seed == ""
