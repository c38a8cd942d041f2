"""False claims: committed before publication, without a look at the victim."""

from __future__ import annotations

import pytest
import torch

from arena.game.rules.keys import Register, prf_labels
from arena.game.rules.meters import Meters
from arena.game.rules.threat import preset
from arena.game.sides.suspect import Suspect
from arena.world.rng import Rng
from attackers.claim.false_claim import Ball, FalseClaim, confidence, pushed
from defenders.triggers.adi import Adi
from tests.attackers.conftest import COMPUTE, Thief, World

GRANTS = preset("claimant_precommit").model_copy(update={"own_architecture": "cnn8"})
CLAIM = FalseClaim(n_references=2, n_held_out=1, epochs=15, n_steps=30, eps=0.25, n_triggers=50)


@pytest.fixture
def world(thief: Thief) -> World:
    return thief(GRANTS)


def test_images_stay_in_the_ball_and_reach_their_targets(world: World) -> None:
    images = world.task.splits.thief.images[:60]
    targets = (world.task.splits.thief.labels[:60] + 1) % 10
    lab, models = world.access.lab, [world.victim.copy()]
    moved = pushed(lab, models, images, targets, Ball(0.2, 0.02, 30))
    assert moved.dtype == torch.uint8
    assert float((moved.float() - images.float()).abs().max()) <= 0.2 * 255 + 0.5
    before, after = (confidence(lab, models, each, targets) for each in (images, moved))
    assert float(before.mean()) < 0.05
    assert float(after.mean()) > 0.6


@pytest.mark.slow
def test_a_model_that_the_claimant_never_saw_obeys_its_triggers(world: World) -> None:
    claim = world.deliver(CLAIM).claim
    assert claim is not None
    verdict = Adi().examine(claim.key, Suspect.bare(world.victim.copy(), COMPUTE), Rng(0))
    assert verdict.is_copy
    assert verdict.p_value < 1e-6


@pytest.mark.slow
def test_it_commits_at_time_zero_binds_its_own_model_and_asks_nothing(world: World) -> None:
    claim = world.deliver(CLAIM).claim
    assert claim is not None
    assert claim.earlier is not None
    entry = world.gate.register.earliest(claim.key.commitment())
    assert isinstance(world.gate.register, Register)
    assert entry is not None
    assert (entry.time, entry.model) == (0, claim.earlier.digest())
    assert world.spent("images_queried") == 0
    assert world.spent("models") == 1 + CLAIM.n_references + CLAIM.n_held_out
    assert isinstance(world.gate.meters, Meters)


def test_labels_of_a_seed_are_followed_by_fewer_images(world: World) -> None:
    attack = FalseClaim(n_references=1, n_held_out=1, epochs=3, n_steps=5, labels="prf")
    claim = world.deliver(attack).claim
    assert claim is not None
    key = claim.key
    assert torch.equal(prf_labels(key.seed, key.tensors["images"], 10), key.tensors["labels"])
    assert 0 < len(key.tensors["labels"]) < 100
