"""Thieves of generators: what they change, what it does to the signs, and what a student learns."""

from __future__ import annotations

import pytest
import torch

from arena import testing
from arena.game.rules.threat import ThreatModel
from arena.game.sides.attack import Attack
from arena.game.sides.defense import OwnerTask, Protected
from arena.game.sides.player import PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.world.compute import Compute
from arena.world.json_values import Json
from arena.world.kinds.generator import SMALL_GENERATOR
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from attackers.generators.extract import DistilPairs
from attackers.generators.finetune import FineTuneSliced
from attackers.generators.fitting import sliced_distance
from attackers.generators.flip_scales import FlipScales
from attackers.generators.forge_logo import ForgeLogo
from attackers.modify.overwrite import Overwrite
from attackers.rewrite.invariant import AllThree, Flip
from defenders.generators.ipr_gan import IprGan
from defenders.generators.scheme.signs import scale_layers, scales_of, signs_of, spelled

pytestmark = pytest.mark.long

SIGNS: dict[str, Json] = {"reading": "signs", "n_triggers": 4}


@pytest.fixture(scope="module")
def small() -> Task:
    return load_task(TaskSpec.model_validate(dict(SMALL_GENERATOR)))


@pytest.fixture(scope="module")
def owner(small: Task) -> OwnerTask:
    """Nulls with signs of their own, so that an aligned reading has something to rest on."""
    nulls = [testing.trained(small, rng=Rng(50 + i)) for i in range(3)]
    return testing.owner_task(small, testing.trained(small, rng=Rng(3)), nulls)


@pytest.fixture(scope="module")
def marked(owner: OwnerTask) -> Protected:
    """A victim whose key can be read literally and aligned."""
    return IprGan.of({**SIGNS, "verifier": "aligned"}, "ipr-gan").protect(owner, Rng(4))


def played(task: Task, victim: Model, attack: Attack, needs: ThreatModel) -> Model:
    return testing.thief(task, victim, needs).play(attack)


def difference(one: Model, other: Model) -> float:
    latents = torch.randn(64, 16, generator=Rng(9).torch())
    return float((Compute().logits(one, latents) - Compute().logits(other, latents)).abs().max())


def error_rate(marked: Protected, model: Model, verifier: str) -> float:
    scheme = IprGan.of({**SIGNS, "verifier": verifier}, "ipr-gan")
    return scheme.verify(marked.key, Suspect.bare(model, Compute()), Rng(5)).statistic


@pytest.mark.parametrize(("attack", "least"), [(Flip(), 0.4), (AllThree(), 0.25)], ids=repr)
def test_functional_flips_cost_nothing_and_hide_the_signs_from_the_literal_reader_alone(
    small: Task, marked: Protected, attack: Attack, least: float
) -> None:
    rewritten = played(small, marked.model, attack, testing.WHITE_BOX)
    assert difference(rewritten, marked.model) < 1e-4
    assert error_rate(marked, rewritten, "literal") >= least  # half of the signs are reversed
    assert error_rate(marked, rewritten, "aligned") < 0.1


def test_naive_flips_change_the_pictures(small: Task, marked: Protected) -> None:
    flipped = played(small, marked.model, FlipScales(rate=1.0), testing.WHITE_BOX)
    gap = difference(flipped, marked.model)
    assert gap > 1e-3  # of functional flips: below 1e-4
    assert error_rate(marked, flipped, "literal") == 1


def test_a_model_is_made_to_spell_any_bits_with_the_same_function(marked: Protected) -> None:
    places = scale_layers(marked.model)
    bits = torch.randint(0, 2, (sum(places.values()),), generator=Rng(8).torch())
    signs = signs_of(bits, list(places.values()))
    forged = spelled(marked.model, list(places), signs)
    found = torch.cat([scale.detach() for scale in scales_of(forged, list(places))])
    assert torch.equal((found > 0).long(), bits)
    assert difference(forged, marked.model) < 1e-4


def test_a_second_mark_without_training_hides_the_first_from_the_literal_reader(
    small: Task, marked: Protected
) -> None:
    own = PlayerSpec(name="ipr-gan", settings=SIGNS)
    again = played(small, marked.model, Overwrite(scheme=own, epochs=0), testing.WHITE_BOX)
    assert difference(again, marked.model) < 1e-4
    assert error_rate(marked, again, "aligned") < 0.1


def test_a_forged_logo_verifies_and_is_not_what_its_seed_gives(
    small: Task, marked: Protected
) -> None:
    """Whoever asks for no seed is shown a logo that was cut out of the victim's own image."""
    needs = ForgeLogo.needs.model_copy(update={"data": 1.0})
    settings: dict[str, Json] = {"reading": "logo", "n_triggers": 8, "n_decoys": 200}
    move = ForgeLogo(scheme=PlayerSpec(name="ipr-gan", settings=settings))
    claim = testing.thief(small, marked.model, needs).deliver(move).claim
    assert claim is not None
    scheme = IprGan.of(settings, "ipr-gan")
    found = scheme.verify(claim.key, Suspect.bare(marked.model, Compute()), Rng(5))
    assert found.statistic > 0.75  # of bits of a hash; a logo that is none agrees in a half
    again = scheme.rederive(claim.key)
    assert again.commitment() != claim.key.commitment()


def test_a_student_of_pairs_comes_nearer_with_each_epoch(small: Task, marked: Protected) -> None:
    needs = DistilPairs.needs
    few, many = (
        played(small, marked.model, DistilPairs(n_images=128, epochs=n, lr=2e-3), needs)
        for n in (0, 40)
    )
    latents = torch.randn(64, 16, generator=Rng(9).torch())
    wanted = Compute().logits(marked.model, latents)
    near, far = (
        float((Compute().logits(m, latents) - wanted).square().mean()) for m in (many, few)
    )
    assert near < 0.8 * far


def test_fine_tuning_without_a_critic_brings_clouds_together(
    small: Task, marked: Protected
) -> None:
    tuned = played(small, marked.model, FineTuneSliced(steps=30, lr=2e-3), testing.WHITE_BOX)
    real = small.splits.thief.images[:256].float() / 255
    latents = torch.randn(256, 16, generator=Rng(1).torch())
    directions = torch.randn(64, 64, generator=Rng(2).torch())
    before, after = (
        float(sliced_distance(Compute().logits(m, latents), real, directions))
        for m in (marked.model, tuned)
    )
    assert after < 0.8 * before


def test_sorted_projections_tell_clouds_and_not_their_order() -> None:
    images = torch.rand(6, 1, 2, 2, generator=Rng(0).torch())
    directions = torch.eye(4)
    assert float(sliced_distance(images, images.flip(0), directions)) == 0
    assert float(sliced_distance(images, images + 0.5, directions)) == pytest.approx(0.25)
