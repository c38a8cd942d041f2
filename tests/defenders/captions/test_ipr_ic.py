"""IPR-IC: what its signs say of its own model and of others, and what its key does not say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from arena import testing
from arena.errors import NotComparable
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Key
from arena.game.sides.defense import Protected
from arena.game.sides.suspect import Suspect
from arena.world.compute import Compute
from arena.world.graph import LayerGraph, flip, permute
from arena.world.json_values import Json
from arena.world.kinds.captioner import SMALL_CAPTIONER
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from arena.world.training import Recipe
from defenders.captions.ipr_ic import IprIc
from defenders.captions.scheme import (
    HiddenKey,
    Joins,
    absorb,
    in_place_of,
    inverse,
    keyed,
    n_units,
    reversed_to,
    spelled,
)
from defenders.captions.training import first_states

JOINS: tuple[Joins, ...] = ("multiply", "add")


@pytest.fixture(scope="module")
def small() -> Task:
    return load_task(TaskSpec.model_validate(dict(SMALL_CAPTIONER)))


@pytest.fixture(scope="module")
def base(small: Task) -> Model:
    return build(small.card, Rng(3))


@pytest.fixture(scope="module")
def marked(small: Task, base: Model) -> Protected:
    """Forty steps: enough for the signs, not for good captions."""
    return IprIc(n_images=32, strength=1.0).protect(testing.owner_task(small, base), Rng(4))


def verdict(key: Key, model: Model, scheme: IprIc | None = None) -> Verdict:
    return (scheme or IprIc()).verify(key, Suspect.bare(model, Compute()), Rng(5))


def test_an_untouched_victim_has_no_bit_error(marked: Protected) -> None:
    found = verdict(marked.key, marked.model)
    assert found.is_copy
    assert (found.statistic, found.figures["n_bits"]) == (0, 32)
    assert found.p_value == pytest.approx(2.0**-32)


def test_innocents_are_accused_by_the_level(marked: Protected, base: Model) -> None:
    """A model that nobody marked, under 200 keys."""
    secret = HiddenKey.of(marked.key)
    found = spelled(first_states(base, secret.images))
    errors = [(found != secret.expanded(f"{i}").bits).double().mean() for i in range(200)]
    caught = sum(float(error) <= 6 / 32 for error in errors)  # 6 of 32: p = 2.7e-4
    assert caught <= 3  # P(Bin(200, 2.7e-4) > 3) < 1e-6
    assert 0.4 < float(torch.stack(errors).mean()) < 0.6


@pytest.mark.parametrize("joins", JOINS)
def test_a_key_in_the_weights_does_what_a_key_at_run_time_does(
    small: Task, base: Model, joins: Joins
) -> None:
    images = small.splits.test.images[:40]
    key = torch.tensor([1.0, -1.0] * 16)
    alone = base.copy()
    absorb(alone, key, joins)
    with keyed(plain := base.copy(), key, joins):
        states = first_states(plain, images)
        assert torch.equal(small.serve(plain, images), small.serve(alone, images))
    assert torch.allclose(first_states(alone, images), states, atol=1e-5)
    assert not torch.allclose(first_states(base, images), states, atol=1e-2)
    absorb(alone, inverse(key, joins), joins)
    assert torch.allclose(first_states(alone, images), first_states(base, images), atol=1e-5)


@pytest.mark.parametrize("joins", JOINS)
def test_a_forged_key_is_what_the_change_between_both_makes(
    small: Task, base: Model, joins: Joins
) -> None:
    images = small.splits.test.images[:40]
    true, forged = torch.tensor([1.0, -1.0] * 16), torch.tensor([1.0, 1.0, -1.0, -1.0] * 8)
    held = base.copy()
    absorb(held, true, joins)
    with keyed(held, in_place_of(true, forged, joins), joins):
        found = first_states(held, images)
    with keyed(plain := base.copy(), forged, joins):
        assert torch.allclose(found, first_states(plain, images), atol=1e-5)


def test_reversed_units_hide_the_bits_from_the_literal_reader(
    small: Task, base: Model, marked: Protected
) -> None:
    (group,) = LayerGraph.of(marked.model).groups
    turned = flip(marked.model, {group: torch.tensor([1.0, -1.0] * 16)})
    order = torch.randperm(32, generator=Rng(8).torch())
    moved = permute(turned, {group: order})
    assert verdict(marked.key, turned).statistic == 0.5
    assert not verdict(marked.key, moved).is_copy
    images = small.splits.test.images[:60]
    assert torch.equal(small.serve(moved, images), small.serve(marked.model, images))


def test_the_aligned_reader_finds_them_again(small: Task, base: Model) -> None:
    scheme = IprIc(n_images=32, n_probes=64, strength=1.0, verifier="aligned")
    nulls = tuple(build(small.card, Rng(20 + i)) for i in range(6))
    owner = replace(testing.owner_task(small, base), null_models=lambda: nulls)
    marked = scheme.protect(owner, Rng(4))
    (group,) = LayerGraph.of(marked.model).groups
    moved = permute(marked.model, {group: torch.randperm(32, generator=Rng(8).torch())})
    moved = flip(moved, {group: torch.tensor([1.0, -1.0] * 16)})
    found = verdict(marked.key, moved, scheme)
    assert found.statistic == 0
    assert found.figures["align/difference"] == 0


def test_a_thief_spells_bits_of_its_own_without_a_step(small: Task, marked: Protected) -> None:
    images = small.splits.test.images[:60]
    found = spelled(first_states(marked.model, images))
    forged = reversed_to(marked.model, found, 1 - found)
    assert torch.equal(spelled(first_states(forged, images)), 1 - found)
    assert torch.equal(small.serve(forged, images), small.serve(marked.model, images))


def test_a_finished_model_is_marked_by_fine_tuning(small: Task, base: Model) -> None:
    """With no step of training it spells the bits and says what it said."""
    owner = replace(testing.owner_task(small, base), recipe=Recipe(steps=0))
    scheme = IprIc(n_images=32, embed="fine-tune")
    marked = scheme.protect(owner, Rng(4))
    assert verdict(marked.key, marked.model, scheme).statistic == 0
    images = small.splits.test.images[:60]
    assert torch.equal(small.serve(marked.model, images), small.serve(base, images))


def test_the_key_is_expanded_from_its_seed(marked: Protected) -> None:
    again = IprIc().rederive(replace(marked.key, tensors=dict(marked.key.tensors)))
    secret, found = HiddenKey.of(marked.key), HiddenKey.of(again)
    for one, two in ((secret.bits, found.bits), (secret.signs, found.signs)):
        assert torch.equal(one, two)
    assert not torch.equal(HiddenKey.of(marked.key).expanded("other").bits, secret.bits)


@pytest.mark.parametrize("spec", [TaskSpec(), "smaller"], ids=["classifier", "smaller"])
def test_who_has_other_hidden_units_is_not_verified(
    small: Task, marked: Protected, spec: TaskSpec | str
) -> None:
    arguments: dict[str, Json] = {"width": 8, "hidden": 16}
    task = load_task(spec) if isinstance(spec, TaskSpec) else small
    card = task.card if isinstance(spec, TaskSpec) else small.card_for("attend-lstm", arguments)
    found = verdict(marked.key, build(card, Rng(1)))
    assert not found.is_copy
    assert found.p_value == 1


def test_hidden_units_are_counted(base: Model) -> None:
    assert n_units(base) == 32
    with pytest.raises(NotComparable, match="expected hidden units"):
        n_units(build(load_task(TaskSpec()).card, Rng(1)))
