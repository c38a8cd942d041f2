"""Structural obfuscation: more units, the same function, shapes that no literal key reads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arena.game.rules.threat import preset
from arena.game.sides.as_owner import answered, posed
from arena.game.sides.suspect import Suspect
from arena.world import layers
from arena.world.graph import LayerGraph
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task
from attackers.rewrite.structural import (
    Cliques,
    NeuronSplits,
    Obfuscation,
    clique_plan,
    mixtures,
    split_plan,
)
from defenders.weights.uchida import Uchida
from tests.attackers.conftest import COMPUTE, Thief

GRANTS = preset("weights_only_nodata")
FAMILY: list[Obfuscation] = [
    Cliques(),
    NeuronSplits(),
    NeuronSplits(size=3, growth=0.5),
    Cliques(camouflage=False),
    Cliques(rim=1),
]


def difference(task: Task, one: Model, two: Model) -> float:
    images = task.splits.test.images
    gap = COMPUTE.logits(one.copy(), images) - COMPUTE.logits(two.copy(), images)
    return float(gap.abs().max())


def sizes(model: Model) -> list[int]:
    return [group.n_units for group in LayerGraph.of(model).groups if group.may_resize]


@pytest.mark.parametrize("attack", FAMILY, ids=repr)
def test_every_layer_grows_and_the_function_stays(
    thief: Thief, task: Task, attack: Obfuscation
) -> None:
    world = thief(GRANTS)
    model = world.play(attack)
    assert difference(task, world.victim, model) < 1e-4
    for before, after in zip(sizes(world.victim), sizes(model), strict=True):
        grown = max(1, round(attack.growth * before / _each(attack))) * _each(attack)
        assert after == before + grown


def _each(attack: Obfuscation) -> int:
    return attack.size if isinstance(attack, Cliques) else attack.size - 1


@pytest.mark.parametrize("architecture", ["resnet8", "resnet20", "lenet5", "mlp"])
@pytest.mark.parametrize("attack", [Cliques(), NeuronSplits()], ids=repr)
def test_it_holds_for_other_architectures(
    task: Task, attack: Obfuscation, architecture: str
) -> None:
    model = build(task.card_for(architecture), Rng(0))
    assert difference(task, model, attack.widened(model.copy(), Rng(1))) < 1e-4


@given(st.integers(1, 12), st.integers(1, 4), st.integers(2, 5), st.integers(0, 99))
def test_outgoing_weights_of_a_clique_cancel_and_incoming_ones_are_alike(
    n_units: int, n_cliques: int, size: int, seed: int
) -> None:
    plan = clique_plan(n_units, n_cliques, size, Rng(seed).torch())
    assert len(plan.index) == n_units + n_cliques * size
    units = torch.randn(n_units, dtype=torch.float64, generator=Rng(seed).torch())
    weights = plan.outgoing @ units
    for clique in weights[n_units:].view(n_cliques, size):
        assert abs(float(clique.sum())) < 1e-9
    assert torch.allclose(weights[:n_units], units)


@given(st.integers(2, 12), st.integers(2, 4), st.integers(0, 99))
def test_copies_of_a_split_unit_share_what_it_put_out(n_units: int, copies: int, seed: int) -> None:
    plan = split_plan(n_units, n_units // 2, copies, Rng(seed).torch())
    units = torch.randn(n_units, dtype=torch.float64, generator=Rng(seed).torch())
    weights = plan.outgoing @ units
    total = torch.zeros(n_units, dtype=torch.float64).index_add(0, plan.index, weights)
    assert torch.allclose(total, units)


def test_new_units_are_put_at_random_places(thief: Thief) -> None:
    """The owner's units do not stay in front, where a reader that crops would find them."""
    world = thief(GRANTS)
    model = world.play(Cliques(camouflage=False))
    first = layers.weighted(world.victim, world.task.card.input_shape)[0]
    old, new = layers.weight(world.victim, first), layers.weight(model, first)
    kept = [bool(torch.isclose(new[i], old[i]).all()) for i in range(len(old))]
    assert not all(kept)
    found = [any(torch.allclose(row, unit) for row in new) for unit in old]
    assert all(found)


def test_camouflaged_dummies_are_no_longer_alike(thief: Thief) -> None:
    def n_alike(attack: Obfuscation) -> int:
        model = thief(GRANTS).play(attack)
        name = layers.weighted(model, model.card.input_shape)[0]
        rows = layers.weight(model, name).detach().flatten(1)
        close = (rows[:, None] - rows[None]).abs().amax(2) < 1e-6
        return int(close.sum()) - len(rows)

    assert n_alike(Cliques(camouflage=False)) >= 12  # each clique of 4 holds 12 ordered pairs
    assert n_alike(Cliques()) == 0


@pytest.mark.parametrize("attack", [Cliques(), NeuronSplits()], ids=repr)
def test_a_literal_key_cannot_read_what_it_finds_and_nothing_is_raised(
    thief: Thief, attack: Obfuscation
) -> None:
    world, scheme = thief(preset("whitebox_third")), Uchida()
    data = answered(world.access, world.victim, Rng(0))
    task = posed(world.access, world.victim.copy(), data, world.task.spec.recipe, Rng(1))
    protected = scheme.protect(task, Rng(2))
    verdict = scheme.verify(
        protected.key, Suspect.bare(thief(GRANTS, protected.model).play(attack), COMPUTE), Rng(0)
    )
    assert (verdict.is_copy, verdict.p_value) == (False, 1)
    assert verdict.reason.startswith("not verified")


def test_mixtures_are_as_large_as_a_unit() -> None:
    rows = mixtures(2000, 16, Rng(0).torch())
    assert float(rows.norm(dim=1).mean()) == pytest.approx(1, abs=0.05)


def test_it_costs_nothing_and_the_rng_decides(thief: Thief, trained: Model) -> None:
    world = thief(GRANTS)
    one, again, other = (world.play(NeuronSplits(), seed) for seed in (1, 1, 2))
    assert one.digest() == again.digest() != other.digest()
    spent = world.gate.meters.reading().plain()
    assert {meter for meter, value in spent.items() if value} <= {"wall_s"}
    assert world.victim.digest() == trained.digest()


@pytest.mark.parametrize(
    "settings", [{"growth": -0.1}, {"size": 1}, {"spread": 0.9}, {"rim": -1}], ids=str
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a size of at least 2"):
        replace(Cliques(), **settings)


def test_strength_turns_the_growth() -> None:
    assert (NeuronSplits().at(0).growth, NeuronSplits().at(1).growth) == pytest.approx((0.05, 1.0))
