"""Forged keys of linear decoders: they read perfectly, look honest, and follow from no seed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from arena.errors import PlayerError
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import PUBLICATION, Key, fresh_seed
from arena.game.rules.projection import Projection
from arena.game.rules.threat import ThreatModel, preset
from arena.game.sides.defense import Defense, defenses
from arena.game.sides.player import PlayerSpec
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.json_values import Json
from arena.world.models import Model, build
from arena.world.rng import Rng
from attackers.claim.forge_key import ForgeKey, flipped, nearest
from tests.attackers.conftest import COMPUTE, Thief, World

pytestmark = pytest.mark.long

GRANTS = preset("claimant_readonly")


def spec(name: str, **settings: Json) -> PlayerSpec:
    return PlayerSpec(name=name, settings=settings)


UCHIDA = spec("uchida", n_bits=256)
DECODERS = [
    spec("uchida"),
    UCHIDA,
    spec("riga"),
    spec("deepsigns", n_classes=1),
    spec("deepsigns"),
]
FREE = {  # the part of a key that the forger turns
    "uchida": ["matrix"],
    "riga": ["extractor/2", "extractor/3"],
    "deepsigns": ["matrix"],
}


def claimed(world: World, attack: ForgeKey) -> Key:
    claim = world.deliver(attack).claim
    assert claim is not None
    assert claim.defense == attack.scheme
    return claim.key


def examined(world: World, attack: ForgeKey, model: Model | None = None) -> Verdict:
    suspect = Suspect.bare(model or world.victim.copy(), COMPUTE)
    return defenses.make(attack.scheme).verify(claimed(world, attack), suspect, Rng(0))


def projected(world: World, attack: ForgeKey) -> Projection:
    scheme: Defense = defenses.make(attack.scheme)
    found = scheme.projection(claimed(world, attack), Suspect.bare(world.victim.copy(), COMPUTE))
    assert found is not None
    return found


def drawn(n_rows: int, n_features: int, size: int, seed: int) -> Projection:
    draw = Rng(seed).torch()
    return Projection(
        torch.randn(n_rows, size, generator=draw),
        torch.randn(n_features, size, generator=draw),
        torch.randint(2, (n_rows, n_features), generator=draw),
    )


@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 99))
def test_flipped_rows_spell_any_bits_and_differ_by_their_sign_alone(
    n_rows: int, size: int, seed: int
) -> None:
    given = drawn(n_rows, 1, size, seed)
    forged = replace(given, rows=flipped(given))
    assert not bool(forged.errors.any())
    assert torch.equal(forged.rows.abs(), given.rows.abs())


@given(st.integers(1, 40), st.integers(1, 8), st.integers(0, 99))
def test_nearest_rows_spell_any_bits_and_leave_right_rows_alone(
    n_rows: int, n_features: int, seed: int
) -> None:
    given = drawn(n_rows, n_features, 60, seed)
    forged = replace(given, rows=nearest(given, 0.01))
    assert not bool(forged.errors.any())
    right = ~given.errors.any(1)
    assert torch.allclose(forged.rows[right], given.rows[right], atol=1e-6)


def test_the_least_change_is_along_the_feature_and_as_large_as_the_source_says() -> None:
    given = drawn(2000, 1, 576, 0)
    moved = nearest(given, 1e-6).double() - given.rows.double()
    wrong = given.errors[:, 0]
    along = given.features[0].double() / given.features[0].double().norm()
    assert torch.allclose(moved, (moved @ along)[:, None] * along, atol=1e-5)
    share = (moved[wrong].norm(dim=1) / given.rows[wrong].double().norm(dim=1)).mean()
    assert float(share) == pytest.approx(0.8 / 576**0.5, rel=0.05)


@pytest.mark.parametrize("scheme", DECODERS, ids=repr)
@pytest.mark.parametrize("algorithm", ["flip", "nearest"])
def test_a_forged_key_passes_the_published_verification_without_an_error(
    thief: Thief, scheme: PlayerSpec, algorithm: str
) -> None:
    attack = ForgeKey(scheme=scheme, algorithm=algorithm)  # type: ignore[arg-type]
    if algorithm == "flip" and scheme == spec("deepsigns"):
        with pytest.raises(PlayerError, match="rows that read one feature, found 8"):
            claimed(thief(GRANTS), attack)
        return
    verdict = examined(thief(GRANTS), attack)
    assert verdict.statistic == 0
    assert verdict.p_value < 1e-9
    assert verdict.is_copy


@pytest.mark.parametrize("index", range(5))
def test_any_layer_will_do(thief: Thief, trained: Model, index: int) -> None:
    layer = layers.weighted(trained, trained.card.input_shape)[index]
    scheme = spec("uchida", layer=layer, n_bits=16)
    assert examined(thief(GRANTS), ForgeKey(scheme=scheme)).statistic == 0


@pytest.mark.parametrize("scheme", [UCHIDA, spec("deepsigns", n_classes=1, n_bits=256)], ids=repr)
@pytest.mark.parametrize("algorithm", ["flip", "nearest"])
def test_forged_entries_are_as_normal_as_honest_ones(
    thief: Thief, scheme: PlayerSpec, algorithm: str
) -> None:
    attack = ForgeKey(scheme=scheme, algorithm=algorithm)  # type: ignore[arg-type]
    forged = claimed(thief(GRANTS), attack)
    entries = forged.tensors["matrix"].flatten().double().numpy()
    assert stats.kstest(entries, "norm").pvalue > 0.01
    honest = defenses.make(scheme).rederive(replace(forged, seed=fresh_seed(Rng(1))))
    assert honest is not None
    other = honest.tensors["matrix"].flatten().double().numpy()
    assert stats.ks_2samp(entries, other).pvalue > 0.01


def test_forged_heads_of_an_extractor_are_honest_ones_up_to_signs(thief: Thief) -> None:
    world, attack = thief(GRANTS), ForgeKey(scheme=spec("riga"))
    forged = claimed(world, attack).tensors["extractor/2"]
    honest = attack.honest(world.access, world.victim, Rng(7)).tensors["extractor/2"]
    assert torch.equal(forged.abs(), honest.abs())
    assert not torch.equal(forged, honest)
    two = (rows.flatten().double().numpy() for rows in (forged, honest))
    assert stats.ks_2samp(*two).pvalue > 0.01


def test_of_the_two_only_the_least_change_shows_in_the_scores(thief: Thief) -> None:
    """An honest key scores like a normal deviate on a model it does not mark; so do flipped rows.

    Rows that were moved stand at the margin, where anyone sees them who looks at the scores.
    """
    found = {}
    for algorithm in ("flip", "nearest"):
        attack = ForgeKey(scheme=UCHIDA, algorithm=algorithm)
        forged = projected(thief(GRANTS), attack)
        sizes = forged.scores.abs().flatten() / forged.features.norm()
        found[algorithm] = stats.kstest(sizes.numpy(), "halfnorm").pvalue
    assert found["flip"] > 0.01
    assert found["nearest"] < 1e-6


def test_forged_bits_are_fair(thief: Thief) -> None:
    forged = claimed(thief(GRANTS), ForgeKey(scheme=UCHIDA))
    assert stats.binomtest(int(forged.tensors["bits"].sum()), 256).pvalue > 0.01


@pytest.mark.parametrize("scheme", [UCHIDA, spec("riga")], ids=repr)
def test_on_an_independent_model_a_forged_key_reads_coins(thief: Thief, scheme: PlayerSpec) -> None:
    """So null models do not expose it: only a commitment or a seed does."""
    world = thief(GRANTS)
    stranger = build(world.task.card, Rng(77))
    verdict = examined(world, ForgeKey(scheme=scheme), stranger)
    assert 0.3 < verdict.statistic < 0.7
    assert not verdict.is_copy


@pytest.mark.parametrize("keeps_seed", [False, True])
def test_a_forged_key_is_not_what_any_seed_expands_to(thief: Thief, keeps_seed: bool) -> None:
    key = claimed(thief(GRANTS), ForgeKey(keeps_seed=keeps_seed))
    assert bool(key.seed) is keeps_seed
    again = defenses.find("uchida")().rederive(key)
    assert again is not None
    assert again.commitment() != key.commitment()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", [spec("uchida"), spec("deepsigns")], ids=repr)
def test_a_ground_key_is_what_its_seed_expands_to_and_as_good_as_its_luck(
    thief: Thief, scheme: PlayerSpec
) -> None:
    """The best of 200 seeds has a p-value of about 1 / 200, and no better."""
    world, attack = thief(GRANTS), ForgeKey(scheme=scheme, algorithm="grind", n_seeds=200)
    key = claimed(world, attack)
    again = defenses.make(scheme).rederive(key)
    assert again is not None
    assert again.commitment() == key.commitment()
    assert 1e-5 < examined(world, attack).p_value < 0.05
    assert world.spent("images_forward") >= 200  # each reading is metered


def test_more_seeds_are_never_worse_and_are_ground_for_any_scheme_with_seeds(thief: Thief) -> None:
    for name in ("lottery", "riga"):
        few, many = (
            examined(thief(GRANTS), ForgeKey(scheme=spec(name), algorithm="grind", n_seeds=n))
            for n in (2, 40)
        )
        assert many.p_value <= few.p_value
        assert many.p_value > 1e-6


@pytest.mark.parametrize(
    ("name", "algorithm", "reason"),
    [
        ("greedy", "flip", "reads its bits in another way"),
        ("lottery", "nearest", "reads its bits in another way"),
        ("none", "grind", "none has none"),
    ],
)
def test_a_scheme_without_a_free_projection_says_so(
    thief: Thief, name: str, algorithm: str, reason: str
) -> None:
    attack = ForgeKey(scheme=spec(name), algorithm=algorithm)  # type: ignore[arg-type]
    with pytest.raises(PlayerError, match=reason):
        claimed(thief(GRANTS), attack)


@pytest.mark.parametrize("scheme", DECODERS, ids=repr)
def test_only_the_projection_of_the_honest_key_is_changed(thief: Thief, scheme: PlayerSpec) -> None:
    world, attack = thief(GRANTS), ForgeKey(scheme=scheme, algorithm="nearest")
    honest = attack.honest(world.access, world.victim, Rng(7)).tensors
    forged = claimed(world, attack).tensors
    assert set(forged) == set(honest)
    differ = [name for name in honest if not torch.equal(honest[name], forged[name])]
    assert differ == FREE[scheme.name]
    assert all(forged[name].shape == honest[name].shape for name in honest)


def test_the_attack_reads_and_neither_asks_nor_trains(thief: Thief, trained: Model) -> None:
    world = thief(GRANTS)
    assert world.deliver(ForgeKey()).kinds() == {"claim"}
    spent = world.gate.meters.reading().plain()
    assert {meter for meter, value in spent.items() if value} == {"images_forward", "wall_s"}
    assert world.victim.digest() == trained.digest()


@pytest.mark.parametrize("name", ["uchida", "riga", "deepsigns"])
def test_no_data_are_needed(thief: Thief, name: str) -> None:
    bare = ThreatModel(
        output="weights", knows=frozenset({"scheme"}), deliverables=frozenset({"claim"})
    )
    attack = ForgeKey(scheme=spec(name), algorithm="nearest")
    assert examined(thief(bare), attack).is_copy


def test_schemes_that_calibrate_are_shown_untrained_models_on_the_meter(thief: Thief) -> None:
    world = thief(GRANTS)
    world.deliver(ForgeKey(scheme=spec("riga"), references=4))
    assert world.spent("models") >= 4
    assert world.spent("steps") == 0


def test_a_commitment_comes_after_publication_and_names_the_stolen_model(thief: Thief) -> None:
    world = thief(GRANTS)
    key = claimed(world, ForgeKey(commits=True))
    entry = world.gate.register.earliest(key.commitment())
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


@pytest.mark.parametrize("settings", [{"n_seeds": 0}, {"margin": 0.0}])
def test_no_seed_and_no_margin_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at least 1 seed and a margin above 0"):
        ForgeKey(**settings)  # type: ignore[arg-type]


def test_strength_turns_the_number_of_seeds() -> None:
    assert (ForgeKey().at(0).n_seeds, ForgeKey().at(1).n_seeds) == (10, 10_000)
