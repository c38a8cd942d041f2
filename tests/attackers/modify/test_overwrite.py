"""Overwriting: the thief plays the owner's part on the stolen model."""

from __future__ import annotations

import math

import pytest

from arena.errors import RegistryError
from arena.game.rules.keys import PUBLICATION
from arena.game.rules.threat import ThreatModel
from arena.game.sides.attack import attacks
from arena.game.sides.defense import defenses
from arena.game.sides.player import PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.world.rng import Rng
from attackers.modify.overwrite import Overwrite
from tests.attackers.conftest import COMPUTE, Thief

GRANTS = ThreatModel(output="weights", data=1)
CLAIMING = GRANTS.model_copy(update={"deliverables": frozenset({"model", "claim"})})
STRONG = PlayerSpec(name="uchida", settings={"n_bits": 32, "strength": 1.0})


def test_the_thiefs_own_key_reads_from_what_it_delivers(thief: Thief) -> None:
    world = thief(CLAIMING)
    delivered = world.deliver(Overwrite(scheme=STRONG))
    assert delivered.model is not None
    assert delivered.claim is not None
    suspect = Suspect.bare(delivered.model, COMPUTE)
    verdict = defenses.make(STRONG).verify(delivered.claim.key, suspect, Rng(0))
    assert verdict.is_copy
    assert verdict.statistic < 0.1
    assert world.accuracy(delivered.model) > world.accuracy(world.victim) - 0.1


def test_the_base_is_the_stolen_model_and_the_labels_are_its_answers(thief: Thief) -> None:
    """One tiny step from the victim agrees with it, though no label is granted."""
    world = thief(GRANTS)
    model = world.play(Overwrite(scheme=STRONG, epochs=1, lr=1e-6))
    images = world.task.splits.test.images
    same = COMPUTE.labels(model, images) == world.answers(images)
    assert float(same.double().mean()) > 0.98  # statistics of normalisation move all the same
    assert model.digest() != world.victim.digest()


def test_the_cost_is_one_embedding_and_the_thiefs_own_answers(thief: Thief) -> None:
    world = thief(GRANTS)
    world.play(Overwrite(epochs=2))
    n = len(world.task.splits.thief)
    assert world.spent("steps") == 2 * math.ceil(n / 64)
    assert world.spent("images_forward") == 3 * n
    assert world.spent("images_queried") == world.spent("models") == 0


def test_references_are_trained_for_schemes_that_calibrate_and_are_charged(thief: Thief) -> None:
    world = thief(GRANTS)
    world.play(Overwrite(scheme=PlayerSpec(name="zhang"), epochs=2, references=2))
    assert world.spent("models") == 2
    n = len(world.task.splits.thief)
    learnt = n - math.ceil(n / 5)  # the others are the references' exam
    assert world.spent("steps") == 2 * math.ceil(n / 64) + 2 * 2 * math.ceil(learnt / 64)


@pytest.mark.parametrize("name", ["adi", "zhang"])
def test_trigger_schemes_overwrite_too(thief: Thief, name: str) -> None:
    world = thief(GRANTS)
    assert world.accuracy(world.play(Overwrite(scheme=PlayerSpec(name=name)))) > 0.8


def test_a_claim_is_made_only_where_it_may_be(thief: Thief) -> None:
    assert thief(GRANTS).deliver(Overwrite(epochs=1)).kinds() == {"model"}
    assert thief(CLAIMING).deliver(Overwrite(epochs=1)).kinds() == {"model", "claim"}


def test_the_key_is_committed_when_it_is_made_which_is_too_late(thief: Thief) -> None:
    world = thief(CLAIMING)
    delivered = world.deliver(Overwrite(epochs=1))
    assert delivered.claim is not None
    entry = world.gate.register.earliest(delivered.claim.key.commitment())
    assert entry is not None
    assert entry.author == "thief"
    assert entry.time > PUBLICATION


def test_a_scheme_without_a_protocol_commits_to_nothing(thief: Thief) -> None:
    world = thief(CLAIMING)
    world.deliver(
        Overwrite(scheme=PlayerSpec(name="uchida", settings={"protocol": "none"}), epochs=1)
    )
    assert world.gate.register.entries == ()


def test_the_scheme_is_named_in_a_scenario_as_a_table() -> None:
    table = {"scheme": {"name": "uchida", "settings": {"strength": 50}}}
    made = attacks.make(PlayerSpec(name="overwrite", settings=table))
    assert isinstance(made, Overwrite)
    assert made.scheme.settings == {"strength": 50}


def test_an_unknown_scheme_is_refused_by_name(thief: Thief) -> None:
    with pytest.raises(RegistryError, match="did you mean 'uchida'"):
        thief(GRANTS).play(Overwrite(scheme=PlayerSpec(name="uchide")))


def test_the_rng_decides(thief: Thief) -> None:
    attack = Overwrite(epochs=1)
    one, again, other = (thief(GRANTS).play(attack, seed) for seed in (1, 1, 2))
    assert one.digest() == again.digest() != other.digest()
