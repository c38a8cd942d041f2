"""Forged Uchida keys: they read perfectly, look honest, and follow from no seed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from arena.game.keys import PUBLICATION, fresh_seed
from arena.game.suspect import Suspect
from arena.game.threat import preset
from arena.game.verdict import Verdict
from arena.world import layers
from arena.world.models import Classifier, build
from arena.world.rng import Rng
from attackers.forge_key import ForgeKey, carrier, flipped, roomiest
from defenders.uchida import Uchida
from defenders.uchida import carrier as owners_carrier
from tests.attackers.conftest import COMPUTE, Thief, World

GRANTS = preset("claimant_readonly")


def examined(world: World, attack: ForgeKey, model: Classifier | None = None) -> Verdict:
    claim = world.deliver(attack).claim
    assert claim is not None
    suspect = Suspect.plain(model or world.victim.copy(), COMPUTE)
    return Uchida().examine(claim.key, suspect, Rng(0))


@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 99))
def test_flipped_rows_spell_any_bits_and_differ_by_their_sign_alone(
    n_bits: int, size: int, seed: int
) -> None:
    draw = Rng(seed).torch()
    matrix, vector = torch.randn(n_bits, size, generator=draw), torch.randn(size, generator=draw)
    bits = torch.randint(2, (n_bits,), generator=draw)
    forged = flipped(matrix, bits, vector)
    assert torch.equal(forged.double() @ vector.double() > 0, bits.bool())
    assert torch.equal(forged.abs(), matrix.abs())


@pytest.mark.parametrize("shape", [(16, 8, 3, 3), (10, 64)])
def test_the_forger_reads_what_the_scheme_reads(shape: tuple[int, ...]) -> None:
    weight = torch.randn(shape, generator=Rng(0).torch())
    assert torch.equal(carrier(weight), owners_carrier(weight))


@pytest.mark.parametrize("n_bits", [64, 256])
def test_a_forged_key_passes_the_published_verification_without_an_error(
    thief: Thief, n_bits: int
) -> None:
    verdict = examined(thief(GRANTS), ForgeKey(n_bits=n_bits))
    assert verdict.statistic == 0
    assert verdict.p_value == pytest.approx(2.0**-n_bits)
    assert verdict.is_copy


@pytest.mark.parametrize("index", range(5))
def test_any_layer_will_do(thief: Thief, trained: Classifier, index: int) -> None:
    layer = layers.weighted(trained, trained.card.input_shape)[index]
    assert examined(thief(GRANTS), ForgeKey(layer=layer)).statistic == 0


def test_the_layer_of_choice_is_the_roomiest(trained: Classifier) -> None:
    sizes = {
        name: carrier(layers.weight(trained, name)).numel()
        for name in layers.weighted(trained, trained.card.input_shape)
    }
    assert sizes[roomiest(trained)] == max(sizes.values())


def test_forged_rows_look_exactly_like_honest_ones(thief: Thief) -> None:
    world = thief(GRANTS)
    forged = ForgeKey(n_bits=256).forged(world.victim, fresh_seed(Rng(0)))
    entries = forged.tensors["matrix"].flatten().double().numpy()
    assert stats.kstest(entries, "norm").pvalue > 0.01
    rows = forged.tensors["matrix"].double().mean(1) * forged.tensors["matrix"].shape[1] ** 0.5
    assert stats.kstest(rows.numpy(), "norm").pvalue > 0.01
    honest = Uchida().rederive(replace(forged, seed=fresh_seed(Rng(1))))
    drawn = honest.tensors["matrix"].flatten().double().numpy()
    assert stats.ks_2samp(entries, drawn).pvalue > 0.01


def test_forged_bits_are_fair(thief: Thief) -> None:
    forged = ForgeKey(n_bits=256).forged(thief(GRANTS).victim, fresh_seed(Rng(0)))
    assert stats.binomtest(int(forged.tensors["bits"].sum()), 256).pvalue > 0.01


def test_on_an_independent_model_a_forged_key_reads_coins(thief: Thief) -> None:
    """So null models do not expose it: only a commitment or a seed does."""
    world = thief(GRANTS)
    stranger = build(world.task.card, Rng(77))
    verdict = examined(world, ForgeKey(n_bits=256), stranger)
    assert 0.35 < verdict.statistic < 0.65
    assert not verdict.is_copy


@pytest.mark.parametrize("keeps_seed", [False, True])
def test_a_forged_key_is_not_what_any_seed_expands_to(thief: Thief, keeps_seed: bool) -> None:
    claim = thief(GRANTS).deliver(ForgeKey(keeps_seed=keeps_seed)).claim
    assert claim is not None
    assert bool(claim.key.seed) is keeps_seed
    assert Uchida().rederive(claim.key).commitment() != claim.key.commitment()


def test_the_attack_reads_and_neither_asks_nor_trains(thief: Thief, trained: Classifier) -> None:
    world = thief(GRANTS)
    assert world.deliver(ForgeKey()).kinds() == {"claim"}
    spent = world.gate.meters.reading()
    assert {meter for meter, value in spent.items() if value} <= {"wall_s"}
    assert world.victim.digest() == trained.digest()


def test_a_commitment_comes_after_publication_and_names_the_stolen_model(thief: Thief) -> None:
    world = thief(GRANTS)
    claim = world.deliver(ForgeKey(commits=True)).claim
    assert claim is not None
    entry = world.gate.register.earliest(claim.key.commitment())
    assert entry is not None
    assert entry.time > PUBLICATION
    assert entry.model == world.victim.digest()


def test_without_being_asked_nothing_is_committed(thief: Thief) -> None:
    world = thief(GRANTS)
    world.deliver(ForgeKey())
    assert world.gate.register.entries == ()


def test_a_model_of_an_earlier_round_is_claimed_with_its_own_weights(thief: Thief) -> None:
    grants = GRANTS.model_copy(update={"deliverables": frozenset({"model", "claim"})})
    mine = build(thief(grants).task.card, Rng(3))
    world = thief(grants, mine)
    delivered = world.deliver(ForgeKey())
    assert delivered.model is not None
    assert delivered.model.digest() == mine.digest()
    assert examined(world, ForgeKey(), mine).statistic == 0
