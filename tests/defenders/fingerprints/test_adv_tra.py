"""ADV-TRA: steps, walks and chains of a trajectory, and a game on the digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from arena.errors import BudgetExceeded, PlayerError
from arena.game.rules.meters import Meters
from arena.game.rules.threat import Budget
from arena.game.sides.defense import OwnerTask
from arena.game.sides.lab import Lab
from arena.game.sides.suspect import Suspect
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Examples
from defenders.fingerprints.adv_tra import AdvTra
from defenders.fingerprints.parts.trajectories import Pace, chained, fitted, routes, stepped, walk
from defenders.fingerprints.scheme import PrintKey
from tests.defenders.conftest import COMPUTE, LAB, Marking
from tests.defenders.weights.rewritings import permuted

Show = Callable[[Model], Suspect]
SCHEME = AdvTra(n_trajectories=10, n_classes=5)
N_EACH = 1 + 4 * SCHEME.length
seeds = st.integers(0, 10**6)


def plane(*rows: tuple[float, float]) -> nn.Module:
    """Return a classifier of two pixels whose logits are these products."""
    layer = nn.Linear(2, len(rows), bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(rows))
    return layer.requires_grad_(False)


def pixels(*values: tuple[float, float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@given(seeds, st.floats(0.01, 0.6))
def test_a_pixel_moves_by_a_whole_step_against_its_gradient_or_not_at_all(
    seed: int, size: float
) -> None:
    g = torch.Generator().manual_seed(seed)
    points = torch.rand(4, 1, 3, 3, generator=g, dtype=torch.float64)
    gradient = torch.randn(points.shape, generator=g, dtype=torch.float64)
    step = torch.full((4,), size, dtype=torch.float64)
    moves = stepped(points, gradient, step) - points
    free = ((points - size * gradient.sign()) >= 0) & ((points - size * gradient.sign()) <= 1)
    torch.testing.assert_close(moves[free], -size * gradient.sign()[free])
    assert bool((moves[~free] == 0).all())


@given(seeds, st.integers(2, 6))
def test_a_step_is_down_the_gradient_of_the_cross_entropy(seed: int, n_classes: int) -> None:
    """Oracle: of a linear model it is the weights times probabilities less the class."""
    g = torch.Generator().manual_seed(seed)
    model = nn.Linear(6, n_classes, dtype=torch.float64).requires_grad_(False)
    model.weight.copy_(torch.randn(n_classes, 6, generator=g))
    start = 0.25 + torch.rand(5, 6, generator=g, dtype=torch.float64) / 2
    target = torch.randint(n_classes, (5,), generator=g)
    steps = torch.full((5, 1), 1e-4, dtype=torch.float64)
    walked, classes = walk(model, start, target, steps)
    wrong = model(start).softmax(1) - F.one_hot(target, n_classes)
    torch.testing.assert_close(walked[:, 0], start - 1e-4 * (wrong @ model.weight).sign())
    before, after = (F.cross_entropy(model(x), target) for x in (start, walked[:, 0]))
    assert float(after) < float(before)
    assert torch.equal(classes[:, 0], model(walked[:, 0]).argmax(1))


@pytest.mark.parametrize("brake", [1.0, 0.8])
@pytest.mark.parametrize("length", [2, 4, 8, 20])
@pytest.mark.parametrize("step", [0.001, 0.05, 0.09])
def test_steps_are_fitted_so_that_the_last_one_crosses(
    length: int, brake: float, step: float
) -> None:
    """From (0.7, 0.3) to where the second pixel leads each has 0.2 to go."""
    pace = Pace(length, step, brake, n_tries=60)
    first, fits = fitted(plane((1.0, 0.0), (0.0, 1.0)), pixels((0.7, 0.3)), torch.tensor([1]), pace)
    way = pace.steps(first).cumsum(1)[0]
    assert fits.tolist() == [True]
    assert float(way[-1]) >= 0.2 - 1e-9
    assert length == 2 or float(way[-2]) <= 0.2 + 1e-9


def test_a_class_that_nothing_reaches_fits_no_walk() -> None:
    never = plane((1.0, 0.0), (-9.0, -9.0))
    _, fits = fitted(never, pixels((0.7, 0.3)), torch.tensor([1]), Pace(4, 0.05, 1.0, 20))
    assert fits.tolist() == [False]
    _, whole = chained(
        plane((1.0, 0.0), (0.0, 1.0), (-9.0, -9.0)),
        pixels((0.7, 0.3), (0.7, 0.3)),
        torch.tensor([[1, 0], [1, 2]]),
        Pace(8, 0.05, 1.0, 30),
    )
    assert whole.tolist() == [True, False]


@pytest.mark.parametrize(("n_tries", "arrives"), [(1, False), (20, True)])
def test_a_chain_that_crosses_too_early_is_not_whole(n_tries: int, arrives: bool) -> None:
    """The third of four steps of 0.09 crosses where the way is 0.2; all of them end behind it."""
    pace = Pace(8, 0.09, 1.0, n_tries)
    chains, whole = chained(
        plane((1.0, 0.0), (0.0, 1.0)), pixels((0.7, 0.3)), torch.tensor([[1]]), pace
    )
    assert chains[0, -1, 1] > chains[0, -1, 0]
    assert whole.tolist() == [arrives]


class Band(nn.Module):
    """A second class where the pixel is within 0.05 of 0.5."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(images), 0.05 - (images - 0.5).abs()], 1)


@pytest.mark.parametrize("step", [0.16, 0.24])
def test_a_chain_that_leaves_its_class_again_is_not_whole(step: float) -> None:
    """From 0.3 one step enters the band; the next one, as long, goes on or comes back."""
    start, pace = torch.tensor([[0.3]], dtype=torch.float64), Pace(2, step, 1.0, 1)
    assert fitted(Band(), start, torch.tensor([1]), pace)[1].tolist() == [True]
    assert chained(Band(), start, torch.tensor([[1]]), pace)[1].tolist() == [False]


@given(seeds, st.integers(2, 12), st.data())
def test_a_route_goes_through_different_classes(
    seed: int, n_classes: int, data: st.DataObject
) -> None:
    n_crossings = data.draw(st.integers(1, n_classes - 1))
    first = torch.arange(n_classes)
    route = routes(first, n_classes, n_crossings, Rng(seed))
    assert route.shape == (n_classes, n_crossings)
    for begin, classes in zip(first.tolist(), route.tolist(), strict=True):
        assert len({begin, *classes}) == n_crossings + 1
        assert set(classes) <= set(range(n_classes))
    assert torch.equal(route, routes(first, n_classes, n_crossings, Rng(seed)))


def test_a_trajectory_crosses_the_classes_that_it_claims(mark: Marking) -> None:
    """Of each crossing the middle is the first point in a new class, and the end is in it."""
    protected, half = mark(SCHEME), SCHEME.length // 2
    points = protected.key.tensors["points"]
    told = LAB.labels(protected.model, points).view(-1, N_EACH)
    assert len(told) >= 5  # of ten; all arrive as a rule
    ends = told[:, :: SCHEME.length]  # (B, 1 + 4)
    assert all(len(set(row.tolist())) == SCHEME.n_classes for row in ends)
    for i, goal in enumerate(ends[:, 1:].unbind(1)):
        crossing = told[:, i * SCHEME.length : (i + 1) * SCHEME.length + 1]
        assert torch.equal(crossing[:, half], goal)
        assert not bool((crossing[:, :half] == goal[:, None]).any())
    assert 0 <= float(points.min()) <= float(points.max()) <= 1


@pytest.mark.parametrize("brake", [1.0, 0.8])
def test_steps_of_a_crossing_are_equal_or_braked_towards_the_boundary(
    mark: Marking, brake: float
) -> None:
    scheme = replace(SCHEME, brake=brake)
    points = mark(scheme).key.tensors["points"].view(-1, N_EACH, 64)
    moves = points.diff(dim=1).abs()  # (B, 4 * length, D)
    sizes = moves.amax(2)
    still = moves < 1e-5
    assert bool(((moves - sizes[..., None]).abs() < 1e-5).logical_or(still).all())
    crossings = sizes.view(len(points), -1, scheme.length)
    there, back = crossings[..., : scheme.length // 2], crossings[..., scheme.length // 2 :]
    assert float(there.min()) > 1e-3
    torch.testing.assert_close(there, back.flip(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(there[..., 1:], brake * there[..., :-1], atol=1e-5, rtol=0)


def test_the_victim_and_a_rewritten_one_match_wholly_and_an_innocent_less(
    mark: Marking, suspect: Show, innocent: Model
) -> None:
    protected = mark(SCHEME)
    for model in (protected.model, permuted(protected.model, Rng(2))):
        verdict = SCHEME.verify(protected.key, suspect(model), Rng(0))
        assert verdict.statistic == 1
        assert verdict.is_copy
    strict = replace(SCHEME, level=1e-4)  # one innocent in a hundred may look rare at the usual one
    verdict = strict.verify(protected.key, suspect(innocent), Rng(0))
    assert verdict.statistic < 0.7
    assert verdict.outcome == "not shown"
    assert verdict.reference


def test_a_fine_tuned_copy_is_recognised_by_labels_alone(
    mark: Marking, owner_task: OwnerTask, task: Task
) -> None:
    copy = mark(SCHEME).model
    recipe = owner_task.recipe.but(epochs=5, train="last", batch_norm="frozen")
    LAB.train(copy, Examples.of(task.splits.thief), recipe, Rng(11))
    shown = Suspect.bare(copy, COMPUTE, "labels")
    assert SCHEME.verify(mark(SCHEME).key, shown, Rng(0)).is_copy


def test_the_points_follow_from_the_committed_seed(mark: Marking) -> None:
    key = mark(SCHEME).key
    assert SCHEME.rederive(key).commitment() == key.commitment()
    secret = PrintKey.of(key)
    for forged in (
        replace(key, seed="00" * 32),
        replace(secret, points=secret.points.flip(0)).into(key),
    ):
        assert SCHEME.rederive(forged).commitment() != forged.commitment()


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="one library, one rounding")
def test_another_machines_rounding_walks_the_same_way(
    mark: Marking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as a machine can be another one: convolutions without the library of the CPU."""
    many = AdvTra(n_trajectories=40)  # in float32 some of these part
    key = mark(many).key
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    assert many.rederive(key).commitment() == key.commitment()


def test_a_trajectory_has_no_more_classes_than_the_model(owner_task: OwnerTask) -> None:
    wide = AdvTra(n_trajectories=2, n_classes=50)
    victim, pool = owner_task.base(), Examples.of(owner_task.probe)
    points = wide.sample(victim, pool, "a", LAB)
    assert len(points) % (1 + 9 * wide.length) == 0


def test_where_no_trajectory_arrives_nothing_is_protected(owner_task: OwnerTask) -> None:
    hasty = replace(SCHEME, step=1e-6, n_tries=2)
    with pytest.raises(PlayerError, match="through 5 classes, none of 10 arrived everywhere"):
        hasty.protect(owner_task, Rng(4))


def test_walks_are_on_the_meter(owner_task: OwnerTask) -> None:
    lab = Lab(COMPUTE, Meters(Budget(images_backward=50)))
    with pytest.raises(BudgetExceeded):
        SCHEME.sample(owner_task.base(), Examples.of(owner_task.probe), "a", lab)
