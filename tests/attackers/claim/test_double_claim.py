"""Double claims: what is committed when, what the models bear, what they are bound to."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from arena.errors import PlayerError, RuleViolation
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Entry
from arena.game.rules.threat import ThreatModel, preset
from arena.game.sides.defense import defenses
from arena.game.sides.deliverable import Claim
from arena.game.sides.player import PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.world.models import Model
from arena.world.rng import Rng
from attackers.claim.double_claim import CommitThenBuy, SecondOwner
from tests.attackers.conftest import COMPUTE, Thief, World

pytestmark = pytest.mark.slow

STRONG = PlayerSpec(name="uchida", settings={"n_bits": 32, "strength": 1.0})
BUYING = preset("whitebox_third").model_copy(
    update={
        "precommit": True,
        "knows": frozenset({"scheme"}),
        "deliverables": frozenset({"model", "claim"}),
    }
)
OWNING = preset("claimant_precommit").model_copy(update={"knows": frozenset({"scheme", "base"})})
PLAIN = CommitThenBuy(scheme=STRONG)
DECOY = CommitThenBuy(scheme=STRONG, decoy=True, own_epochs=8)
SECOND = SecondOwner(scheme=STRONG, own_epochs=2)


def claimed(world: World, attack: CommitThenBuy | SecondOwner) -> tuple[Claim, Entry]:
    claim = world.deliver(attack).claim
    assert claim is not None
    entry = world.gate.register.earliest(claim.key.commitment())
    assert entry is not None
    return claim, entry


def read(claim: Claim, model: Model) -> Verdict:
    scheme = defenses.make(claim.defense)
    return scheme.verify(claim.key, Suspect.bare(model, COMPUTE), Rng(0))


@pytest.fixture
def second(thief: Thief) -> World:
    world = thief(OWNING)
    world.gate.base = world.victim.copy()
    return world


@pytest.mark.parametrize("attack", [PLAIN, DECOY], ids=["plain", "decoy"])
def test_a_key_that_is_older_than_the_victim_reads_from_what_is_delivered(
    thief: Thief, attack: CommitThenBuy
) -> None:
    world = thief(BUYING)
    delivered = world.deliver(attack)
    assert delivered.model is not None
    assert delivered.claim is not None
    entry = world.gate.register.earliest(delivered.claim.key.commitment())
    assert entry is not None
    assert entry.time == 0
    assert read(delivered.claim, delivered.model).is_copy
    assert not read(delivered.claim, world.victim.copy()).is_copy
    assert world.accuracy(delivered.model) > world.accuracy(world.victim) - 0.05


def test_only_a_decoy_is_a_model_to_which_the_commitment_is_bound(thief: Thief) -> None:
    bare, unbound = claimed(thief(BUYING), PLAIN)
    assert (bare.earlier, unbound.model) == (None, "")
    claim, bound = claimed(thief(BUYING), DECOY)
    assert claim.earlier is not None
    assert bound.model == claim.earlier.digest()
    assert read(claim, claim.earlier).is_copy


def test_the_whole_key_follows_from_its_seed(thief: Thief) -> None:
    claim, _ = claimed(thief(BUYING), DECOY)
    again = defenses.make(STRONG).rederive(claim.key)
    assert again is not None
    assert again.commitment() == claim.key.commitment()


@pytest.mark.parametrize(("attack", "epochs"), [(PLAIN, 10), (DECOY, 8 + 10 + 10)])
def test_the_cost_is_the_markings_and_the_decoy(
    thief: Thief, attack: CommitThenBuy, epochs: int
) -> None:
    world = thief(BUYING)
    world.deliver(attack)
    assert world.spent("steps") == epochs * math.ceil(len(world.task.splits.thief) / 64)
    assert world.spent("models") == 1
    assert world.spent("images_queried") == 0


def test_a_key_that_is_trained_cannot_be_committed_before(thief: Thief) -> None:
    with pytest.raises(PlayerError, match="keys that follow from their seed alone"):
        thief(BUYING).deliver(replace(PLAIN, scheme=PlayerSpec(name="riga"), own_epochs=1))


def test_a_second_owner_binds_its_own_model_and_never_looks_at_the_victim(second: World) -> None:
    claim, entry = claimed(second, SECOND)
    assert claim.earlier is not None
    assert (entry.time, entry.model) == (0, claim.earlier.digest())
    assert read(claim, claim.earlier).is_copy
    assert second.accuracy(claim.earlier) > 0.8
    assert second.spent("images_queried") == 0
    assert second.deliver(SECOND).kinds() == {"claim"}


def test_its_mark_is_not_in_the_other_owners_model(second: World) -> None:
    claim, _ = claimed(second, SECOND)
    assert not read(claim, second.victim.copy()).is_copy


def test_its_fingerprint_fits_the_other_owners_model(second: World) -> None:
    """Both models share the base's boundary: a fingerprint cannot tell whose copy it sees."""
    scheme = PlayerSpec(name="ipguard", settings={"n_points": 60, "lr": 0.01, "n_steps": 200})
    claim, _ = claimed(second, SecondOwner(scheme=scheme, own_epochs=4))
    assert read(claim, second.victim.copy()).is_copy


def test_a_base_that_is_not_known_is_not_given(thief: Thief) -> None:
    with pytest.raises(RuleViolation, match="does not say what the victim was made from"):
        thief(OWNING).deliver(SECOND)


@pytest.mark.parametrize("attack", [CommitThenBuy(epochs=1), SecondOwner(epochs=1)], ids=repr)
def test_the_rng_decides(thief: Thief, attack: CommitThenBuy | SecondOwner) -> None:
    def commitment(seed: int) -> str:
        world = thief(BUYING if isinstance(attack, CommitThenBuy) else OWNING)
        world.gate.base = world.victim.copy()
        claim = world.deliver(attack, seed).claim
        assert claim is not None
        return claim.key.commitment()

    assert commitment(1) == commitment(1) != commitment(2)


def test_what_is_not_granted_is_missing_in_words() -> None:
    lacks = ThreatModel(data=1, data_labels=True).missing(SecondOwner.needs)
    assert "knowledge of 'base'" in lacks
    assert "precommit" in lacks
