"""Owners who alter answers: how far, towards what, and what a client still learns."""

from __future__ import annotations

import numpy as np
import pytest
import scipy
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from arena import testing
from arena.game.serving.service import Service
from arena.game.sides.defense import OwnerTask
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task
from defenders.serving.answering import Answering
from defenders.serving.coarse import CoarseAnswers
from defenders.serving.mad import MAD
from defenders.serving.modelguard import ModelGuard
from defenders.serving.scheme import least_informative, moved_towards, widest_angle
from tests.defenders.conftest import COMPUTE

seeds, sizes = st.integers(0, 10**6), st.integers(3, 8)
distances = st.floats(0, 2)
OWNERS: list[Answering] = [
    MAD(n_points=30, eps=1.0),
    ModelGuard(n_points=30),
    CoarseAnswers(n_points=30),
    CoarseAnswers(n_points=30, keeps="class"),
]


@pytest.fixture
def world(task: Task, trained: Model) -> OwnerTask:
    """An owner without null models: nobody is accused here."""
    return testing.owner_task(task, trained)


def rows_of(seed: int, n_classes: int, n: int = 12) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    return (4 * torch.randn(n, n_classes, generator=g, dtype=torch.float64)).softmax(1)


def distance(first: Tensor, second: Tensor) -> Tensor:
    return (first - second).abs().sum(1)


@given(seeds, sizes, distances, st.booleans())
def test_a_moved_row_is_a_distribution_within_its_distance(
    seed: int, n_classes: int, eps: float, keep_class: bool
) -> None:
    rows = rows_of(seed, n_classes)
    target = torch.arange(len(rows)) % n_classes
    moved = moved_towards(rows, target, eps, keep_class)
    assert bool((moved >= 0).all())
    torch.testing.assert_close(moved.sum(1), torch.ones(len(rows), dtype=torch.float64))
    assert float(distance(rows, moved).max()) <= eps + 1e-9
    if keep_class:
        assert torch.equal(moved.argmax(1), rows.argmax(1))
    else:  # as far as it may go
        limit = (2 * (1 - rows.gather(1, target[:, None])[:, 0])).clamp(max=eps)
        torch.testing.assert_close(distance(rows, moved), limit)


@given(seeds, sizes, distances)
def test_the_least_informative_row_keeps_its_class_and_its_distance(
    seed: int, n_classes: int, eps: float
) -> None:
    rows = rows_of(seed, n_classes)
    found = least_informative(rows, eps)
    assert bool((found >= -1e-12).all())
    torch.testing.assert_close(found.sum(1), torch.ones(len(rows), dtype=torch.float64))
    assert float(distance(rows, found).max()) <= eps + 1e-9
    assert torch.equal(found.argmax(1), rows.argmax(1))


@given(seeds, sizes, st.floats(0.05, 0.3))
def test_it_solves_the_linear_programme_where_the_class_keeps_its_lead(
    seed: int, n_classes: int, eps: float
) -> None:
    """Oracle: scipy's solver, with y' and the absolute differences as variables."""
    row = rows_of(seed, n_classes, 1)
    lead = row.topk(2).values[0]
    if float(lead[0] - lead[1]) <= eps / 2 + 1e-3:
        return
    y, n = row[0].numpy(), n_classes
    eye = np.eye(n)
    bounds = np.block([[eye, -eye], [-eye, -eye], [np.zeros((1, n)), np.ones((1, n))]])
    solved = scipy.optimize.linprog(
        np.concatenate([np.log(y), np.zeros(n)]),
        A_ub=bounds,
        b_ub=np.concatenate([y, -y, [eps]]),
        A_eq=np.concatenate([np.ones((1, n)), np.zeros((1, n))], 1),
        b_eq=[1.0],
    )
    found = least_informative(row, eps)[0].numpy()
    assert float(found @ np.log(y)) == pytest.approx(solved.fun, abs=1e-6)


@given(seeds, sizes)
def test_the_angle_is_that_of_the_last_layers_gradients(seed: int, n_classes: int) -> None:
    """Oracle: autograd through a linear layer, one target at a time."""
    g = torch.Generator().manual_seed(seed)
    head = torch.nn.Linear(5, n_classes).double()
    with torch.no_grad():
        head.weight.copy_(torch.randn(n_classes, 5, generator=g))
        head.bias.zero_()
    features = torch.randn(1, 5, generator=g, dtype=torch.float64)
    row = rows_of(seed + 1, n_classes, 1)

    def gradient(target: Tensor) -> Tensor:
        loss = -(target * head(features).log_softmax(1)).sum()
        parameters = list(head.parameters())
        return torch.cat([part.flatten() for part in torch.autograd.grad(loss, parameters)])

    now = gradient(row)
    every = [
        gradient(torch.eye(n_classes, dtype=torch.float64)[k : k + 1]) for k in range(n_classes)
    ]
    cosines = torch.stack([torch.cosine_similarity(now, one, dim=0) for one in every])
    found = int(widest_angle(row, head(features).softmax(1).detach()))
    assert float(cosines[found]) == pytest.approx(float(cosines.min()), abs=1e-9)


@pytest.mark.parametrize("owner", OWNERS, ids=lambda owner: f"{owner.name}-{owner.dial.field}")
def test_whoever_asks_gets_other_rows_and_the_same_class(
    owner: Answering, world: OwnerTask
) -> None:
    protected = owner.protect(world, Rng(4))
    images = world.probe.images[:60]
    honest = COMPUTE.probabilities(protected.model, images)

    def answer(inputs: Tensor) -> Tensor:
        return COMPUTE.probabilities(protected.model, inputs)

    found = Service(answer, protected.serving, Rng(1)).answer(images)
    sure = honest.topk(2).values.diff(dim=1).abs()[:, 0] > 0.2  # rounding may tie what is close
    assert torch.equal(found.argmax(1)[sure], honest.argmax(1)[sure])
    assert float(distance(found, honest).max()) > 0.01


def test_mad_without_the_class_moves_as_far_as_it_may(world: OwnerTask) -> None:
    owner = MAD(n_points=30, eps=1.5, keep_class=False)
    protected = owner.protect(world, Rng(4))
    images = world.probe.images[:60]
    honest = COMPUTE.probabilities(protected.model, images)
    service = Service(
        lambda x: COMPUTE.probabilities(protected.model, x), protected.serving, Rng(1)
    )
    moved = distance(service.answer(images), honest)
    assert float(moved.max()) <= 1.5 + 1e-4
    assert float((moved > 1.4).double().mean()) > 0.5
