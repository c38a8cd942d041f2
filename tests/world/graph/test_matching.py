"""Matching of units by what they show and by their incoming weights."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from arena.errors import NotComparable
from arena.world.graph.groups import Group, Producer, Slot
from arena.world.graph.matching import Portrait, match
from arena.world.rng import Rng


def portrait(n_units: int, seed: int = 1, n_silent: int = 0) -> Portrait:
    draw = Rng(seed).torch()
    maps = torch.randn(n_units, 60, generator=draw, dtype=torch.float64).relu()
    maps[:n_silent] = 0
    return Portrait(maps, torch.randn(n_units, 9, generator=draw, dtype=torch.float64))


def taken(source: Portrait, index: Tensor, factors: Tensor | None = None) -> Portrait:
    times = torch.ones(len(index)) if factors is None else factors
    return Portrait(source.maps[index] * times[:, None], source.rows[index] * times[:, None])


@given(n_units=st.integers(1, 12), n_silent=st.integers(0, 3), seed=st.integers(0, 999))
def test_a_shuffled_scaled_group_is_matched_to_itself(
    n_units: int, n_silent: int, seed: int
) -> None:
    ours, draw = portrait(n_units, seed, n_silent), Rng(seed).child("order").torch()
    order = torch.randperm(n_units, generator=draw)
    theirs = taken(ours, order, 0.1 + torch.rand(n_units, generator=draw, dtype=torch.float64))
    found = match(theirs, ours, signed=False)
    assert torch.equal(order[found.partner], torch.arange(n_units))
    assert torch.allclose(found.likeness, torch.ones(n_units, dtype=torch.float64))
    assert bool((found.origin == -1).all())


def test_copies_are_found_with_their_factors() -> None:
    ours = portrait(4)
    theirs = taken(ours, torch.tensor([2, 0, 1, 2, 3, 0]), torch.tensor([1.0, 1, 1, 2, 1, 0.5]))
    found = match(theirs, ours, signed=False)
    plan = found.plan()
    shown = plan.outgoing.T @ theirs.maps[plan.index]
    assert torch.allclose(shown, theirs.maps)  # each unit is some share of a matched one
    assert int((found.origin >= 0).sum()) == 2


def test_silent_copies_are_found_by_their_weights() -> None:
    ours = portrait(3, n_silent=1)
    theirs = taken(ours, torch.tensor([0, 1, 2, 0]), torch.tensor([1.0, 1, 1, 3]))
    found = match(theirs, ours, signed=False)
    assert found.partner[0] in (0, 3)
    assert int((found.origin == 0).sum()) == 1
    assert float(found.factors.max()) == pytest.approx(3 if found.partner[0] == 0 else 1 / 3)


def test_strangers_are_no_copies() -> None:
    ours, other = portrait(4), portrait(2, seed=8)
    theirs = Portrait(torch.cat([ours.maps, other.maps]), torch.cat([ours.rows, other.rows]))
    found = match(theirs, ours, signed=False)
    assert found.partner.tolist() == [0, 1, 2, 3]
    assert found.origin.tolist() == [-1] * 6


def test_a_suspect_with_fewer_units_leaves_places_empty() -> None:
    ours = portrait(5)
    found = match(taken(ours, torch.tensor([4, 1])), ours, signed=False)
    assert found.partner.tolist() == [-1, 1, -1, -1, 0]
    assert found.likeness.tolist() == pytest.approx([0, 1, 0, 0, 1])
    plan = found.plan()
    assert plan.fits(2)
    assert plan.outgoing[[0, 2, 3]].abs().sum() == 0


def test_signs_are_found_where_they_are_possible() -> None:
    ours = portrait(4)
    theirs = taken(ours, torch.arange(4), torch.tensor([1.0, -1, 1, -2]))
    found = match(theirs, ours, signed=True)
    assert found.signs.tolist() == [1, -1, 1, -1]
    assert found.partner.tolist() == [0, 1, 2, 3]
    assert torch.allclose(found.cosine, torch.ones(4, dtype=torch.float64))


def test_outputs_that_are_not_finite_match_nothing_and_do_not_raise() -> None:
    ours = portrait(3)
    theirs = Portrait(
        torch.full((4, 60), torch.inf).double(), torch.full((4, 9), torch.nan).double()
    )
    found = match(theirs, ours, signed=False)
    assert found.likeness.tolist() == [0, 0, 0]


def test_inputs_of_another_size_are_not_comparable() -> None:
    ours = portrait(3)
    with pytest.raises(NotComparable, match="9 incoming weights, the suspect's have 8"):
        match(Portrait(ours.maps, ours.rows[:, :8]), ours, signed=False)


@pytest.mark.parametrize("bias", [False, True])
def test_rows_do_not_change_with_signs_and_scales_inside_the_norm(bias: bool) -> None:
    draw, eps = Rng(3).torch(), 1e-3
    state = {
        "conv.weight": torch.randn(4, 2, 3, 3, generator=draw, dtype=torch.float64),
        "norm.weight": torch.rand(4, generator=draw, dtype=torch.float64) + 0.5,
        "norm.bias": torch.randn(4, generator=draw, dtype=torch.float64),
        "norm.running_mean": torch.randn(4, generator=draw, dtype=torch.float64),
        "norm.running_var": torch.rand(4, generator=draw, dtype=torch.float64) + 0.5,
    }
    if bias:
        state["conv.bias"] = torch.randn(4, generator=draw, dtype=torch.float64)
    producer = Producer(Slot("conv", "out"), norm=Slot("norm", "norm"))
    group = Group("conv", 4, (producer,), (), (), (), "homogeneous", True, True)
    maps = torch.zeros(4, 1)
    inside = torch.tensor([-1.0, 2, -0.5, 1], dtype=torch.float64)
    moved = dict(state)
    for name in ("conv.weight", "conv.bias", "norm.running_mean"):
        if name in moved:
            shape = [4] + [1] * (moved[name].dim() - 1)
            moved[name] = moved[name] * inside.view(shape)
    moved["norm.weight"] = moved["norm.weight"] * inside.sign()
    moved["norm.running_var"] = (moved["norm.running_var"] + eps) * inside**2 - eps
    one, other = (Portrait.of(table, {"norm": eps}, group, maps) for table in (state, moved))
    assert torch.allclose(one.rows, other.rows)
    assert one.rows.shape == (4, 2 * 9 + 1)
