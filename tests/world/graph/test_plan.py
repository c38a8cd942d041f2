"""Plans: copies whose outputs add up to those of the unit that they copy."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from arena.world.graph import Plan
from arena.world.rng import Rng


def total(plan: Plan, n_units: int) -> Tensor:
    """Return what the copies of each old unit add up to, (n_units, n_units)."""
    eye = torch.eye(n_units, dtype=torch.float64)
    rows = eye[plan.index] if plan.incoming is None else plan.incoming
    return rows.T @ plan.outgoing


@given(n_units=st.integers(1, 9), n_copies=st.integers(0, 5), seed=st.integers(0, 999))
def test_splits_and_cliques_leave_every_total_as_it_was(
    n_units: int, n_copies: int, seed: int
) -> None:
    draw = Rng(seed).torch()
    units = torch.randint(0, n_units, (n_copies,), generator=draw)
    plan = Plan.keep(n_units)
    plan = plan.split(units, torch.randn(n_copies, n_units, generator=draw))
    plan = plan.clique(
        0, torch.randn(n_units, generator=draw), torch.randn(3, n_units, generator=draw)
    )
    plan = plan.split(units, torch.randn(n_copies, n_units, generator=draw))
    plan = plan.ordered(torch.randperm(len(plan.index), generator=draw))
    assert plan.fits(n_units)
    assert len(plan.index) == n_units + 2 * n_copies + 3
    assert torch.allclose(total(plan, n_units), torch.eye(n_units, dtype=torch.float64), atol=1e-5)


def test_keep_lists_units_in_the_given_order() -> None:
    plan = Plan.keep(4, torch.tensor([2, 0]))
    assert plan.index.tolist() == [2, 0]
    assert plan.outgoing.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]
    assert Plan.keep(3).index.tolist() == [0, 1, 2]


def test_a_split_takes_from_the_unit_what_it_gives_to_the_copy() -> None:
    plan = Plan.keep(2).split(torch.tensor([1]), torch.tensor([[0.25, 0.5]]))
    assert plan.index.tolist() == [0, 1, 1]
    assert plan.outgoing.tolist() == [[1, 0], [-0.25, 0.5], [0.25, 0.5]]


def test_the_members_of_a_clique_share_incoming_weights_and_cancel() -> None:
    plan = Plan.keep(2).clique(0, torch.tensor([0.5, -1]), torch.tensor([[1.0, 2], [3, 0]]))
    assert plan.incoming is not None
    assert plan.incoming[2:].tolist() == [[0.5, -1], [0.5, -1]]
    assert plan.incoming[:2].tolist() == [[1, 0], [0, 1]]
    assert plan.outgoing[2:].tolist() == [[-1, 1], [1, -1]]


def test_plans_that_do_not_fit_say_so() -> None:
    assert Plan.keep(3).fits(3)
    assert not Plan.keep(3).fits(4)
    assert not Plan.keep(3, torch.tensor([], dtype=torch.long)).fits(3)
    assert not Plan(torch.tensor([3]), torch.zeros(1, 3)).fits(3)
    assert not Plan(torch.tensor([0]), torch.ones(1, 3), incoming=torch.ones(2, 3)).fits(3)
