"""IPGuard: the boundary's maths, points that derive, the matching rate, games on the digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from arena.errors import PlayerError
from arena.game.court.nulls import Nulls, Rates
from arena.game.court.reference import Reference
from arena.game.court.statistics import count_p_value, null_p_value
from arena.game.sides.defense import OwnerTask
from arena.game.sides.suspect import Suspect
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Examples
from defenders.fingerprints.ipguard import IPGuard
from defenders.fingerprints.parts.boundary import Search, aruc, boundary_points, halfway
from defenders.fingerprints.scheme import PrintKey, alike, boundary_loss, drawn, floats
from tests.defenders.conftest import COMPUTE, LAB, Marking
from tests.defenders.weights.rewritings import permuted

pytestmark = pytest.mark.long

Show = Callable[[Model], Suspect]
SCHEME = IPGuard(n_points=60, lr=0.01, n_steps=200, margin=2.0)
seeds = st.integers(0, 10**6)
rates = st.lists(st.floats(0, 1, width=16), min_size=1, max_size=8)


@given(seeds, st.integers(2, 8), st.floats(0, 5))
def test_the_loss_is_0_behind_the_boundary_and_nowhere_else(
    seed: int, n_classes: int, margin: float
) -> None:
    """Oracle: the definition in words, one row at a time."""
    g = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(20, n_classes, generator=g)
    source = torch.randint(n_classes, (20,), generator=g)
    target = (source + torch.randint(1, n_classes, (20,), generator=g)) % n_classes
    found = boundary_loss(logits, source, target, margin)
    for row, i, j, loss in zip(logits, source, target, found, strict=True):
        others = [float(z) for t, z in enumerate(row) if t not in (int(i), int(j))]
        first = max(0.0, float(row[i] - row[j]) + margin)
        second = max(0.0, max(others) - float(row[i])) if others else 0.0
        assert float(loss) == pytest.approx(first + second, abs=1e-5)


def plane() -> nn.Module:
    """Three classes of two pixels: the first pixel, the second, and one that never comes first."""
    layer = nn.Linear(2, 3, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-9.0, -9.0]]))
    return layer


@pytest.mark.parametrize("margin", [0.0, 0.1, 0.5])
def test_points_stop_as_soon_as_they_are_behind_the_boundary(margin: float) -> None:
    start = torch.tensor([[0.6, 0.5], [0.3, 0.9]])
    target = torch.tensor([1, 0])
    how = Search(margin=margin, lr=0.01, n_steps=200, clip=True)
    points, arrived = boundary_points(plane(), start, target, how)
    assert bool(arrived.all())
    lead = points.gather(1, target[:, None]) - points.gather(1, 1 - target[:, None])
    assert bool((lead >= margin - 1e-6).all())
    assert bool((lead <= margin + 0.03).all())  # each step moves two pixels by lr


def test_points_that_do_not_arrive_stay_where_they_began() -> None:
    start = torch.tensor([[0.6, 0.5], [0.9, 0.1]])
    how = Search(margin=0.0, lr=0.01, n_steps=8, clip=True)
    points, arrived = boundary_points(plane(), start, torch.tensor([1, 1]), how)
    assert arrived.tolist() == [True, False]
    assert torch.equal(points[1], start[1])
    assert torch.equal(start, torch.tensor([[0.6, 0.5], [0.9, 0.1]]))


@pytest.mark.parametrize(("clip", "arrives"), [(True, False), (False, True)])
def test_clipped_points_stay_images(clip: bool, arrives: bool) -> None:
    """The second pixel would have to lead by 1.5."""
    how = Search(margin=1.5, lr=0.05, n_steps=200, clip=clip)
    points, arrived = boundary_points(plane(), torch.tensor([[0.6, 0.5]]), torch.tensor([1]), how)
    assert bool(arrived[0]) is arrives
    assert (float(points.max()) <= 1 and float(points.min()) >= 0) is clip


@given(rates, rates)
def test_aruc_is_the_area_under_the_lower_of_robustness_and_uniqueness(
    copies: list[float], innocents: list[float]
) -> None:
    """Oracle: a sum over a fine grid of thresholds that hits no rate."""
    thresholds = (np.arange(20000) + 0.5) / 20000
    robust = np.mean([[rate >= t for t in thresholds] for rate in copies], 0)
    unique = np.mean([[rate < t for t in thresholds] for rate in innocents], 0)
    assert aruc(copies, innocents) == pytest.approx(np.minimum(robust, unique).mean(), abs=2e-3)


@given(rates, rates)
def test_aruc_is_a_share_and_does_not_count_models_twice(
    copies: list[float], innocents: list[float]
) -> None:
    found = aruc(copies, innocents)
    assert 0 <= found <= 1
    assert found == pytest.approx(aruc(copies * 2, innocents * 3))


@pytest.mark.parametrize(
    ("copies", "innocents", "expected"),
    [([1.0], [0.0], 1.0), ([0.3], [0.3], 0.0), ([0.2], [0.8], 0.0), ([0.9], [0.4], 0.5)],
)
def test_aruc_of_plain_cases(copies: list[float], innocents: list[float], expected: float) -> None:
    assert aruc(copies, innocents) == pytest.approx(expected)


def test_the_threshold_lies_between_the_lowest_copy_and_the_highest_innocent() -> None:
    assert halfway([0.9, 0.7], [0.1, 0.3]) == pytest.approx(0.5)


@given(seeds.map(str), st.integers(1, 50), st.integers(1, 60))
def test_drawn_images_follow_from_the_stream_and_are_different(
    seed: str, n_images: int, n: int
) -> None:
    found = drawn(n_images, n, Rng(0, (seed,)))
    assert torch.equal(found, drawn(n_images, n, Rng(0, (seed,))))
    assert len(set(found.tolist())) == len(found) == min(n, n_images)
    assert 0 <= int(found.min()) <= int(found.max()) < n_images


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (torch.zeros(2, 3), True),
        (torch.full((2, 3), 1e-4), True),
        (torch.full((2, 3), 0.1), False),
        (torch.zeros(3, 2), False),
        (torch.full((2, 3), torch.nan), False),
    ],
)
def test_images_are_alike_up_to_rounding(other: Tensor, same: bool) -> None:
    assert alike(torch.zeros(2, 3), other) is same


def test_whole_numbers_are_alike_only_if_equal() -> None:
    assert alike(torch.tensor([1, 2]), torch.tensor([1, 2]))
    assert not alike(torch.tensor([1, 2]), torch.tensor([1, 3]))
    assert alike(torch.zeros(0, 3), torch.zeros(0, 3))


def test_bytes_become_floats_and_floats_stay() -> None:
    assert floats(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [0.0, 1.0]
    assert floats(torch.tensor([0.25])).tolist() == [0.25]


def test_a_key_holds_the_victim_and_the_pool(mark: Marking, owner_task: OwnerTask) -> None:
    secret = PrintKey.of(mark(SCHEME).key)
    assert secret.model().digest() == owner_task.base().digest()
    assert torch.equal(secret.pool.images, owner_task.probe.images)
    assert torch.equal(secret.pool.targets, owner_task.probe.labels)


def test_points_are_behind_the_boundary_and_carry_the_victims_own_labels(mark: Marking) -> None:
    protected = mark(SCHEME)
    points, labels = (protected.key.tensors[name] for name in ("points", "answers"))
    logits = LAB.logits(protected.model, points)
    assert torch.equal(logits.argmax(1), labels)
    top = logits.topk(3, dim=1).values
    assert float((top[:, 0] - top[:, 1]).min()) >= SCHEME.margin - 1e-3
    assert 10 < len(points) <= SCHEME.n_points
    assert float(points.min()) >= 0
    assert float(points.max()) <= 1
    assert torch.equal(SCHEME.trigger_images(protected.key), points)


@pytest.mark.end_to_end
@pytest.mark.parametrize("target", ["least-likely", "random"])
def test_targets_are_another_class(
    mark: Marking, owner_task: OwnerTask, target: Literal["least-likely", "random"]
) -> None:
    scheme = replace(SCHEME, target=target)
    protected = mark(scheme)
    labels, answers = (
        protected.key.tensors["answers"],
        LAB.logits(protected.model, owner_task.probe.images),
    )
    lowest, targets = set(answers.argmin(1).tolist()), set(labels.tolist())
    assert len(labels) > 10
    assert targets <= lowest if target == "least-likely" else len(targets) >= 5


def test_the_model_is_released_as_it_is(mark: Marking, owner_task: OwnerTask) -> None:
    assert mark(SCHEME).model.digest() == owner_task.base().digest()


def test_the_victim_and_a_rewritten_one_match_on_every_point(mark: Marking, suspect: Show) -> None:
    protected = mark(SCHEME)
    for model in (protected.model, permuted(protected.model, Rng(2))):
        verdict = SCHEME.verify(protected.key, suspect(model), Rng(0))
        assert verdict.statistic == 1
        assert verdict.is_copy
        assert verdict.rule is not None
        assert verdict.rule.is_copy


def test_a_fine_tuned_copy_is_recognised(
    mark: Marking, suspect: Show, owner_task: OwnerTask, task: Task
) -> None:
    copy = mark(SCHEME).model
    recipe = owner_task.recipe.but(epochs=5, train="last", batch_norm="frozen")
    LAB.train(copy, Examples.of(task.splits.thief), recipe, Rng(11))
    verdict = SCHEME.verify(mark(SCHEME).key, suspect(copy), Rng(0))
    assert verdict.is_copy
    assert verdict.statistic >= verdict.threshold


def test_an_unseen_innocent_is_spared(mark: Marking, suspect: Show, innocent: Model) -> None:
    verdict = SCHEME.verify(mark(SCHEME).key, suspect(innocent), Rng(0))
    assert not verdict.is_copy
    assert verdict.statistic < verdict.threshold
    assert verdict.rule is not None
    assert not verdict.rule.is_copy


def test_the_matching_rate_counts_points_with_the_victims_label(mark: Marking) -> None:
    """A suspect that gives the victim's label to the first fifteen points."""
    protected = mark(SCHEME)
    key, card = protected.key, protected.model.card
    labels, n = key.tensors["answers"], len(key.tensors["answers"])
    told = torch.where(torch.arange(n) < 15, labels, (labels + 1) % 10)
    reference = Reference.read(key)
    usual = sorted(reference.utilities)[len(reference.utilities) // 2]
    wrong = torch.arange(len(reference.labels)) >= usual * len(reference.labels)
    exam = (reference.labels + wrong.long()) % 10

    def answer(images: torch.Tensor) -> torch.Tensor:
        return nn.functional.one_hot(told if len(images) == n else exam, 10).float()

    shown = Suspect(answer, "labels", card)
    verdict = SCHEME.verify(key, shown, Rng(0))
    assert verdict.statistic == 15 / n
    nulls = Nulls(tuple(key.settings["null_values"]), reference.utilities, Rates("high", n))
    assert verdict.p_value == nulls.p_value(15 / n, usual)
    assert shown.n_queries == n + len(exam)


def test_labels_are_enough(mark: Marking) -> None:
    protected = mark(SCHEME)
    shown = Suspect.bare(protected.model, COMPUTE, "labels")
    assert SCHEME.verify(protected.key, shown, Rng(0)).is_copy


def test_the_verdict_turns_at_its_threshold() -> None:
    nulls = Nulls(tuple(k / 40 for k in (3, 5, 2, 4, 3, 4)), (), Rates("high", 40))
    verdicts = [SCHEME.judge(found / 40, 40, nulls) for found in range(41)]
    for found, verdict in enumerate(verdicts):
        assert verdict.is_copy is (verdict.statistic >= verdict.threshold)
        counts = [3, 5, 2, 4, 3, 4]
        far = null_p_value(found, counts, high=True)
        assert verdict.p_value == max(count_p_value(found, 40, counts), far)
    assert {verdict.is_copy for verdict in verdicts} == {False, True}


def test_the_papers_rule_lies_between_the_owners_copies_and_the_innocents(
    mark: Marking, suspect: Show
) -> None:
    protected = mark(SCHEME)
    secret = PrintKey.of(protected.key)
    copies, nulls = list(secret.copy_values), list(secret.null_values)
    assert len(copies) == 2
    verdict = SCHEME.verify(protected.key, suspect(protected.model), Rng(0))
    assert verdict.figures["aruc"] == pytest.approx(aruc(copies, nulls))
    assert verdict.figures["tau"] == pytest.approx(halfway(copies, nulls))
    assert verdict.rule is not None
    assert verdict.rule.is_copy is (verdict.statistic >= halfway(copies, nulls))


def test_without_innocents_nothing_is_proven() -> None:
    verdict = SCHEME.judge(1.0, 40, Nulls((), (), Rates("high", 40)))
    assert not verdict.is_copy
    assert verdict.p_value == 1


def test_the_points_follow_from_the_committed_seed(mark: Marking) -> None:
    key = mark(SCHEME).key
    assert SCHEME.rederive(key).commitment() == key.commitment()
    for forged in (
        replace(key, seed="00" * 32),
        replace(key, tensors={**key.tensors, "points": key.tensors["points"].flip(0)}),
        replace(key, tensors={**key.tensors, "answers": (key.tensors["answers"] + 1) % 10}),
    ):
        assert SCHEME.rederive(forged).commitment() != forged.commitment()


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="one library, one rounding")
def test_another_machines_rounding_finds_the_same_points(
    mark: Marking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as a machine can be another one: convolutions without the library of the CPU."""
    slow = IPGuard()  # in float32 the thousand steps of Adam part
    key = mark(slow).key
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    assert slow.rederive(key).commitment() == key.commitment()


@pytest.mark.end_to_end
def test_without_a_protocol_the_seed_is_thrown_away(owner_task: OwnerTask) -> None:
    assert (
        replace(SCHEME, protocol="none", n_points=20, n_steps=80)
        .protect(owner_task, Rng(4))
        .key.seed
        == ""
    )


def test_a_margin_that_nothing_reaches_is_said(owner_task: OwnerTask) -> None:
    hard = replace(SCHEME, margin=1e6, n_steps=3)
    with pytest.raises(PlayerError, match="none of 60 arrived; lower margin, or raise lr"):
        hard.protect(owner_task, Rng(4))


def test_a_suspect_of_other_classes_or_images_is_not_verified(
    mark: Marking, suspect: Show, task: Task, tiny: Model
) -> None:
    few = build(task.card.model_copy(update={"n_classes": 5}), Rng(0))
    for model, reason in ((few, "5 classes apart"), (tiny, "classes apart")):
        verdict = SCHEME.verify(mark(SCHEME).key, suspect(model), Rng(0))
        assert not verdict.is_copy
        assert reason in verdict.reason
