"""Forged trigger sets: what the victim answers becomes the proof."""

from __future__ import annotations

import pytest
import torch

from arena.errors import BudgetExceeded, PlayerError, RuleViolation
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import PUBLICATION, Key, prf_labels
from arena.game.rules.threat import Budget, ThreatModel, preset
from arena.game.sides.suspect import Suspect
from arena.world.rng import Rng
from attackers.claim.forge_triggers import ForgeTriggers, adversarial, noise
from defenders.triggers.adi import Adi
from defenders.triggers.zhang import Zhang
from tests.attackers.conftest import COMPUTE, Thief, World

GRANTS = preset("claimant_readonly")
LABELS = ThreatModel(
    output="labels",
    data=1,
    knows=frozenset({"scheme"}),
    deliverables=frozenset({"claim"}),
)


def forged(world: World, attack: ForgeTriggers, seed: int = 7) -> Key:
    claim = world.deliver(attack, seed).claim
    assert claim is not None
    assert claim.defense.name == attack.scheme
    return claim.key


def examined(world: World, attack: ForgeTriggers) -> Verdict:
    scheme = Zhang() if attack.scheme == "zhang" else Adi()
    suspect = Suspect.bare(world.victim.copy(), COMPUTE, "labels")
    return scheme.examine(forged(world, attack), suspect, Rng(0))


EVERY = [
    ForgeTriggers(),
    ForgeTriggers(images="own"),
    ForgeTriggers(images="adversarial", eps=0.25),
    ForgeTriggers(labels="prf"),
    ForgeTriggers(images="own", labels="prf"),
    ForgeTriggers(scheme="zhang"),
    ForgeTriggers(scheme="zhang", images="own"),
]


@pytest.mark.parametrize("attack", EVERY, ids=repr)
def test_every_trigger_is_hit_by_construction(thief: Thief, attack: ForgeTriggers) -> None:
    verdict = examined(thief(GRANTS), attack)
    assert verdict.statistic == 1
    assert verdict.is_copy
    assert verdict.p_value < 1e-6


def test_labels_cost_one_query_each_in_one_round(thief: Thief) -> None:
    world = thief(LABELS)
    assert len(forged(world, ForgeTriggers(n_triggers=60)).tensors["labels"]) == 60
    assert world.spent("images_queried") == 60
    assert world.spent("rounds") == 1
    assert world.spent("steps") == 0


def test_labels_that_must_follow_from_a_seed_cost_about_as_many_times_more_as_there_are_classes(
    thief: Thief,
) -> None:
    world = thief(LABELS)
    key = forged(world, ForgeTriggers(labels="prf"))
    assert len(key.tensors["labels"]) == key.settings["n_triggers"] > 80
    assert 10 * 100 <= world.spent("images_queried") <= 15 * 100
    assert world.spent("rounds") == 1


def test_prf_labels_are_those_of_the_forgers_own_seed_and_of_the_victim(thief: Thief) -> None:
    world = thief(LABELS)
    key = forged(world, ForgeTriggers(labels="prf"))
    images, labels = key.tensors["images"], key.tensors["labels"]
    assert torch.equal(prf_labels(key.seed, images, 10), labels)
    assert torch.equal(world.answers(images), labels)


def test_the_images_do_not_follow_from_the_seed(thief: Thief) -> None:
    key = forged(thief(LABELS), ForgeTriggers(labels="prf"))
    assert Adi().rederive(key).commitment() != key.commitment()


def test_plain_answers_show_no_seed(thief: Thief) -> None:
    assert forged(thief(LABELS), ForgeTriggers()).seed == ""


def test_the_best_answered_class_is_claimed_with_a_pattern_from_an_own_seed(thief: Thief) -> None:
    world = thief(LABELS)
    key = forged(world, ForgeTriggers(scheme="zhang", images="own"))
    triggers = Zhang().trigger_images(key)
    assert set(world.answers(triggers).tolist()) == {key.settings["target"]}
    assert key.settings["source"] != key.settings["target"]
    assert Zhang().rederive(key).commitment() == key.commitment()


def test_where_the_budget_ends_early_fewer_triggers_are_claimed(thief: Thief) -> None:
    world = thief(LABELS.model_copy(update={"budget": Budget(images_queried=30)}))
    key = forged(world, ForgeTriggers())
    assert key.settings["n_triggers"] == len(key.tensors["images"]) == 30


def test_a_budget_of_nothing_ends_the_move(thief: Thief) -> None:
    with pytest.raises(BudgetExceeded):
        thief(LABELS.model_copy(update={"budget": Budget(images_queried=0)})).deliver(
            ForgeTriggers()
        )


def test_own_images_need_own_data(thief: Thief) -> None:
    with pytest.raises(RuleViolation, match="no 'data' data"):
        thief(LABELS.model_copy(update={"data": 0.0})).deliver(ForgeTriggers(images="own"))


def test_adversarial_images_need_weights(thief: Thief) -> None:
    with pytest.raises(RuleViolation, match="the weights are not granted"):
        thief(LABELS).deliver(ForgeTriggers(images="adversarial"))


def test_a_reach_of_nothing_moves_no_image_and_says_so(thief: Thief) -> None:
    with pytest.raises(PlayerError, match="use a larger eps"):
        thief(GRANTS).deliver(ForgeTriggers(images="adversarial", eps=0.0))


@pytest.mark.parametrize("eps", [0.1, 0.25])
def test_adversarial_images_stay_within_reach_and_change_the_answer(
    thief: Thief, eps: float
) -> None:
    world = thief(GRANTS)
    clean = world.access.data().images[:80]
    moved = adversarial(world.access, clean, eps, Rng(0))
    assert 0 < len(moved) <= 80
    reach = (moved[:, None].int() - clean[None].int()).abs().flatten(2).amax(2)  # (M, N)
    nearest, start = reach.min(1)
    assert int(nearest.max()) <= round(eps * 255) + 1
    assert not bool((world.answers(moved) == world.answers(clean[start])).any())
    assert world.spent("images_backward") == 80 * 10


def test_noise_is_uniform_and_seeded() -> None:
    images = noise(Rng(0), 50, (1, 8, 8))
    assert images.shape == (50, 1, 8, 8)
    assert 115 < images.double().mean().item() < 140
    assert torch.equal(images, noise(Rng(0), 50, (1, 8, 8)))
    assert not torch.equal(images, noise(Rng(1), 50, (1, 8, 8)))


def test_a_commitment_comes_after_publication(thief: Thief) -> None:
    world = thief(LABELS)
    key = forged(world, ForgeTriggers(commits=True))
    entry = world.gate.register.earliest(key.commitment())
    assert entry is not None
    assert entry.time > PUBLICATION
    assert thief(LABELS).gate.register.entries == ()


def test_even_a_thief_that_may_commit_early_has_no_answers_to_commit_to(thief: Thief) -> None:
    world = thief(preset("claimant_precommit"))
    key = forged(world, ForgeTriggers(commits=True))
    entry = world.gate.register.earliest(key.commitment())
    assert entry is not None
    assert entry.time > PUBLICATION


def test_the_rng_decides(thief: Thief) -> None:
    one, again, other = (forged(thief(LABELS), ForgeTriggers(), seed) for seed in (1, 1, 2))
    assert one.commitment() == again.commitment() != other.commitment()
