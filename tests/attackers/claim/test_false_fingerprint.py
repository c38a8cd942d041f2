"""False fingerprints: honest generation, chosen negatives, and no look at the victim."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arena.game.court.verdict import Verdict
from arena.game.rules.threat import preset
from arena.game.sides.defense import defenses
from arena.game.sides.deliverable import Claim
from arena.game.sides.player import PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.world.models import Model
from arena.world.rng import Rng
from attackers.claim.false_fingerprint import FalseFingerprint
from tests.attackers.conftest import COMPUTE, Thief, World

pytestmark = pytest.mark.slow

GRANTS = preset("claimant_precommit").model_copy(update={"own_architecture": "cnn8"})
IPGUARD = PlayerSpec(
    name="ipguard", settings={"margin": 10.0, "target": "random", "lr": 0.01, "n_steps": 400}
)
DEEPJUDGE = PlayerSpec(
    name="deepjudge",
    settings={
        "method": "pgd",
        "eps": 0.5,
        "n_seeds": 60,
        "n_whitebox": 8,
        "growth_steps": 200,
        "access": "probabilities",
    },
)
SHORT = FalseFingerprint(scheme=IPGUARD)
SCHEMES = [IPGUARD, DEEPJUDGE]


def claimed(world: World, attack: FalseFingerprint) -> Claim:
    claim = world.deliver(attack).claim
    assert claim is not None
    return claim


def read(claim: Claim, model: Model) -> Verdict:
    scheme = defenses.make(claim.defense)
    return scheme.verify(claim.key, Suspect.bare(model, COMPUTE), Rng(0))


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_a_model_that_the_claimant_never_saw_looks_like_a_copy(
    thief: Thief, scheme: PlayerSpec
) -> None:
    world = thief(GRANTS)
    claim = claimed(world, replace(SHORT, scheme=scheme))
    assert claim.earlier is not None
    assert read(claim, claim.earlier).is_copy
    assert read(claim, world.victim.copy()).is_copy


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_with_negatives_that_are_trained_it_does_not(thief: Thief, scheme: PlayerSpec) -> None:
    world = thief(GRANTS)
    honest = replace(SHORT, scheme=scheme, negatives="trained", n_negatives=6)
    assert not read(claimed(world, honest), world.victim.copy()).is_copy


def test_the_key_is_what_its_seed_expands_to(thief: Thief) -> None:
    """Nothing in it is forged: what lies is the choice of settings and negatives."""
    claim = claimed(thief(GRANTS), SHORT)
    again = defenses.make(claim.defense).rederive(claim.key)
    assert claim.key.seed
    assert again is not None
    assert again.commitment() == claim.key.commitment()


def test_it_commits_at_time_zero_binds_its_own_model_and_asks_nothing(thief: Thief) -> None:
    world = thief(GRANTS)
    claim = claimed(world, SHORT)
    entry = world.gate.register.earliest(claim.key.commitment())
    assert entry is not None
    assert claim.earlier is not None
    assert (entry.time, entry.model) == (0, claim.earlier.digest())
    assert world.spent("images_queried") == 0
    assert world.spent("models") == 1 + SHORT.n_negatives


def test_the_claim_is_all_that_is_delivered_and_the_rng_decides(thief: Thief) -> None:
    short = replace(SHORT, scheme=DEEPJUDGE, epochs=3)
    assert thief(GRANTS).deliver(short).kinds() == {"claim"}
    one, again, other = (
        world.deliver(short, seed).claim for world, seed in ((thief(GRANTS), s) for s in (1, 1, 2))
    )
    assert one is not None and again is not None and other is not None  # noqa: PT018
    assert one.key.commitment() == again.key.commitment() != other.key.commitment()


def test_strength_turns_the_number_of_negatives() -> None:
    assert (SHORT.at(0).n_negatives, SHORT.at(1).n_negatives) == (2, 32)
