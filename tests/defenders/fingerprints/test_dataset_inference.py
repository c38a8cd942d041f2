"""Dataset inference: walks, descents, the test of a difference, and whom it accuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor, nn

from arena import testing
from arena.errors import MalformedKey, PlayerError
from arena.game.court.nulls import Nulls, Values
from arena.game.rules.keys import Key
from arena.game.sides.defense import OwnerTask
from arena.game.sides.suspect import Suspect
from arena.world.rng import Rng
from arena.world.task import Task, TaskSpec, load_task
from defenders.fingerprints.dataset_inference import DatasetInference, GradientInference
from defenders.fingerprints.parts.inference import Inference, welch
from defenders.fingerprints.parts.margins import (
    Descent,
    blind_walk,
    learnt,
    lengths,
    nearest_by_gradients,
    noise_directions,
    rows_of,
    scales_of,
    strangeness,
)
from defenders.fingerprints.scheme import MembersKey
from tests.defenders.conftest import COMPUTE

pytestmark = pytest.mark.long

WALK = DatasetInference(n_points=150, stride=8.0, n_steps=8)
DESCENT = GradientInference(n_points=80, stride=20.0, n_steps=12)
each = pytest.mark.parametrize("scheme", [WALK, DESCENT], ids=lambda scheme: scheme.name)


@pytest.fixture(scope="module")
def small() -> Task:
    """A task whose owner has few images, so that its model learns them by heart."""
    return load_task(TaskSpec.model_validate(dict(DatasetInference.victim)))


@pytest.fixture(scope="module")
def world(small: Task) -> OwnerTask:
    return testing.owner_task(small, testing.trained(small))


@pytest.fixture(scope="module")
def keys(world: OwnerTask) -> dict[Inference, Key]:
    """A key of each way."""
    return {scheme: scheme.protect(world, Rng(4)).key for scheme in (WALK, DESCENT)}


def right_of(edge: float) -> nn.Module:
    """Return a model of two classes of one number: class 1 from the edge on."""
    layer = nn.Linear(1, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0], [1.0]]))
        layer.bias.copy_(torch.tensor([0.0, -edge]))
    return layer.requires_grad_(False)


def test_a_walk_ends_where_the_label_flips_and_one_that_does_not_at_the_last_step() -> None:
    images, model = torch.tensor([[0.5], [0.5]]), right_of(0.65)
    directions = torch.tensor([0.1, -0.1]).view(2, 1, 1, 1).expand(2, 1, 3, 1)

    def labels(points: Tensor) -> Tensor:
        found: Tensor = model(points).argmax(1)
        return found

    found = blind_walk(labels, images, torch.tensor([0, 0]), directions, 3)
    assert found[0].flatten().tolist() == pytest.approx([0.2] * 3)
    assert found[1].flatten().tolist() == pytest.approx([0.3] * 3)
    clipped = blind_walk(labels, images, torch.tensor([0, 0]), 3 * directions, 9)
    assert clipped[1].flatten().tolist() == pytest.approx([0.5] * 3)


def test_an_image_that_is_answered_wrongly_flips_at_the_first_step() -> None:
    directions = torch.full((1, 1, 3, 1), 0.01)
    found = blind_walk(
        lambda points: torch.zeros(len(points)), torch.full((1, 1), 0.5), torch.tensor([1]),
        directions, 20,
    )  # fmt: skip
    assert found.flatten().tolist() == pytest.approx([0.01] * 3, abs=1e-6)


def test_a_descent_ends_behind_the_boundary_and_is_0_where_it_is_the_class() -> None:
    targets = torch.tensor([[0, 1]])
    found = nearest_by_gradients(
        right_of(0.62), torch.tensor([[0.5]]), targets, Descent(10.0, 60, 1)
    )
    assert found[0, 0].tolist() == [0, 0, 0]
    assert found[0, 1].tolist() == pytest.approx([0.13, 0.2, 0.2], abs=1.1e-2)


@given(st.integers(0, 10**6))
def test_rows_do_not_see_the_order_of_directions(seed: int) -> None:
    embedding = torch.rand(5, 10, 3, generator=torch.Generator().manual_seed(seed)).double()
    scales = scales_of(embedding)
    rows = rows_of(embedding, scales)
    assert rows.shape == (5, 30)
    assert torch.equal(rows, rows_of(embedding[:, torch.randperm(10)], scales))
    standard = ((embedding - scales[0]) / scales[1]).flatten(0, 1)
    assert torch.allclose(standard.std(0), torch.ones(3).double())


def test_noise_is_of_three_kinds() -> None:
    found = noise_directions((50, 1, 8, 8), 10, 2.0, Rng(0))
    assert found.shape == (50, 10, 3, 1, 8, 8)
    assert float(found[:, :, 0].abs().max()) <= 0.01
    assert found[:, :, 1].std().item() == pytest.approx(0.01, rel=0.05)
    assert found[:, :, 2].abs().mean().item() == pytest.approx(0.02, rel=0.05)


def test_norms_are_of_their_own_moves() -> None:
    moves = torch.zeros(1, 1, 3, 1, 2, 2)
    moves[0, 0, 0, 0, 0, 0], moves[0, 0, 1, 0] = -2, torch.full((2, 2), 1.0)
    assert lengths(moves).flatten().tolist() == [2, 2, 0]


def test_what_was_learnt_tells_both_kinds_apart() -> None:
    draw = torch.Generator().manual_seed(0)
    rows, kind = torch.randn(200, 30, generator=draw).double(), torch.arange(200) >= 150
    rows[kind] -= 1
    out = strangeness(rows, learnt(rows, kind, Rng(0)))
    assert float(out[kind].mean()) > 0.5 > -0.5 > float(out[~kind].mean())


@given(st.integers(0, 10**6), st.integers(2, 30), st.integers(2, 30))
def test_the_difference_is_tested_as_scipy_tests_it(seed: int, n: int, m: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    first, second = (torch.randn(size, generator=draw).double() for size in (n, m))
    gap, error, degrees = welch((first, second))
    theirs = stats.ttest_ind(second.numpy(), first.numpy(), equal_var=False, alternative="greater")
    assert float(stats.t.sf(gap / error, degrees)) == pytest.approx(float(theirs.pvalue))


def test_points_that_are_all_alike_prove_nothing() -> None:
    verdict = WALK.judge((torch.zeros(5), torch.zeros(7)))
    assert (verdict.p_value, verdict.is_copy) == (1.0, False)


@given(st.floats(-1, 1), st.integers(0, 20))
def test_the_verdict_turns_at_its_threshold(shift: float, n_nulls: int) -> None:
    draw = torch.Generator().manual_seed(n_nulls)
    members, others = torch.randn(40, generator=draw) / 3, torch.randn(60, generator=draw) / 3
    nulls = tuple((0.1 * torch.randn(n_nulls, generator=draw)).tolist())
    verdict = WALK.judge((members, others + shift), Nulls(nulls, (), Values("high")))
    assert verdict.is_copy == (verdict.statistic >= verdict.threshold)
    assert verdict.p_value >= float(str(verdict.figures["welch_p"]))


@each
def test_points_of_a_test_teach_nothing_and_follow_from_the_seed(
    scheme: Inference, keys: dict[Inference, Key]
) -> None:
    key = keys[scheme]
    secret = MembersKey.of(key)
    assert int(secret.members.max()) < secret.n_members <= int(secret.held_out.min())
    assert scheme.rederive(key).commitment() == key.commitment()
    other = replace(secret, members=secret.members[:-1]).into(key)
    assert scheme.rederive(other).commitment() != other.commitment()


def test_a_key_without_points_or_regressor_is_malformed(keys: dict[Inference, Key]) -> None:
    key = keys[WALK]
    secret = MembersKey.of(key)
    broken = replace(secret, members=secret.members + 10**6, regressor={"w1": torch.zeros(1)})
    with pytest.raises(MalformedKey, match=r"b1, b2, w2, found none.*indices of"):
        MembersKey.of(broken.into(replace(key, tensors={})))


def test_too_few_images_are_refused(world: OwnerTask) -> None:
    few = replace(world, probe=world.probe.select(torch.arange(3)))
    with pytest.raises(PlayerError, match="found 200 and 3"):
        WALK.protect(few, Rng(0))


def test_labels_are_enough_for_walks_and_descents_read_weights(
    world: OwnerTask, keys: dict[Inference, Key]
) -> None:
    shown = Suspect.bare(world.base(), COMPUTE, "labels")
    for scheme, outcome in ((WALK, "copy"), (DESCENT, "unreadable")):
        assert scheme.verify(keys[scheme], shown, Rng(0)).outcome == outcome


@each
def test_whoever_learnt_the_owners_data_is_accused_and_others_are_not(
    scheme: Inference, small: Task, world: OwnerTask, keys: dict[Inference, Key]
) -> None:
    strict = replace(scheme, level=1e-4)
    again = testing.trained(small, rng=Rng(20))
    other = testing.trained(small, small.splits.other, Rng(30))
    found = [
        strict.verify(keys[scheme], Suspect.bare(model, COMPUTE), Rng(0))
        for model in (world.base(), again, other)
    ]
    assert [verdict.is_copy for verdict in found] == [True, True, False]


def test_a_label_of_its_own_flips_where_the_model_changes_its_mind(
    world: OwnerTask, keys: dict[Inference, Key]
) -> None:
    own = replace(WALK, labels="own")
    model, secret = Suspect.bare(world.base(), COMPUTE), MembersKey.of(keys[WALK])
    wrong = model.labels(secret.points.images) != secret.points.targets
    found = own.embed(model, secret.points, "s") - WALK.embed(model, secret.points, "s")
    assert bool((found[~wrong] == 0).all())
    assert float(found[wrong].mean()) > 0
