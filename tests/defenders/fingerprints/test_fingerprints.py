"""Fingerprints by a sampler, a representation and a distance: the parts, games on the digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from arena import testing
from arena.errors import PlayerError
from arena.game.court.dispute import Court, Party
from arena.game.court.nulls import Nulls, NullTest, Side
from arena.game.court.verdict import Verdict
from arena.game.rules.keys import Key, Register
from arena.game.sides.defense import Defense, OwnerTask
from arena.game.sides.suspect import Suspect
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.task import Task
from arena.world.training import Examples
from defenders.fingerprints.akh import AKH
from defenders.fingerprints.cka import Reef
from defenders.fingerprints.fingerprint import Fingerprint
from defenders.fingerprints.parts.distances import CKA, correlation_gap, linear_cka, matches
from defenders.fingerprints.parts.samplers import held_out, misclassified, mixed, mixtures
from defenders.fingerprints.sac import SAC, LabelSAC
from defenders.fingerprints.scheme import PrintKey, floats
from tests.defenders.conftest import COMPUTE, LAB, Marking
from tests.defenders.weights.rewritings import permuted

Show = Callable[[Model], Suspect]
SCHEMES: list[Fingerprint] = [AKH(), SAC(n_points=100), LabelSAC(), Reef()]
each = pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
seeds = st.integers(0, 10**6)


@given(seeds, st.integers(3, 20), st.integers(2, 6))
def test_cka_does_not_see_rotation_and_scale(seed: int, n: int, width: int) -> None:
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, width, generator=g, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(width, width, generator=g, dtype=torch.float64)).Q
    other = torch.randn(n, width, generator=g, dtype=torch.float64)
    assert linear_cka(x, 3 * x @ rotation + 1) == pytest.approx(1)
    assert 0 <= linear_cka(x, other) <= 1 + 1e-9
    centred, against = x - x.mean(0), other - other.mean(0)
    cross = (centred.T @ against).norm() ** 2
    own = (centred.T @ centred).norm() * (against.T @ against).norm()
    assert linear_cka(x, other) == pytest.approx(float(cross / own))


def test_cka_of_features_that_do_not_vary_is_0() -> None:
    assert linear_cka(torch.ones(5, 3), torch.arange(10.0).reshape(5, 2)) == 0


@given(seeds, st.integers(2, 12), st.integers(2, 6))
def test_correlations_do_not_see_the_order_of_the_classes(
    seed: int, n: int, n_classes: int
) -> None:
    g = torch.Generator().manual_seed(seed)
    rows = torch.rand(n, n_classes, generator=g).softmax(1)
    order = torch.randperm(n_classes, generator=g)
    assert correlation_gap(rows, rows[:, order]) == pytest.approx(0, abs=1e-7)
    assert 0 <= correlation_gap(rows, torch.rand(n, n_classes, generator=g)) <= 1


def test_matches_are_a_share() -> None:
    assert matches(torch.tensor([1, 2, 3, 4]), torch.tensor([1, 2, 0, 0])) == 0.5


@given(seeds.map(str), st.integers(2, 12))
def test_a_mixture_is_an_image_with_a_box_of_another(seed: str, n: int) -> None:
    images = torch.arange(n).float().view(n, 1, 1, 1).expand(n, 1, 8, 8)
    found = mixed(images, Rng(0, (seed,)))
    pasted = found != images
    assert bool((pasted.flatten(1).sum(1) <= 16).all())  # a box of 4 by 4, or its own pixels
    for image, own in zip(found, pasted, strict=True):
        rows, columns = own[0].any(1).sum(), own[0].any(0).sum()
        assert int(own.sum()) == int(rows * columns)
        assert len(image[own].unique()) <= 1


def test_rows_of_a_table_are_mixed_too() -> None:
    rows = torch.arange(6).float()[:, None].expand(6, 10)
    assert int((mixed(rows, Rng(1)) != rows).sum(1).max()) == 2


def test_samplers_follow_from_the_seed(owner_task: OwnerTask) -> None:
    victim, pool = owner_task.base(), Examples.of(owner_task.probe)
    for n in (20, 400):
        assert torch.equal(mixtures(pool, n, "a"), mixtures(pool, n, "a"))
        assert len(mixtures(pool, n, "a")) == n
        assert not torch.equal(mixtures(pool, n, "a"), mixtures(pool, n, "b"))
    assert len(held_out(victim.kind, pool, 50, "a")) == 50
    points = misclassified(victim, pool, 60, "a", LAB)
    assert torch.equal(points, misclassified(victim, pool, 60, "a", LAB))


def test_the_first_points_are_the_held_out_images_that_the_victim_gets_wrong(
    owner_task: OwnerTask,
) -> None:
    victim, pool = owner_task.base(), Examples.of(owner_task.probe)
    wrong = pool.images[LAB.labels(victim, pool.images) != pool.targets]
    points = misclassified(victim, pool, 60, "a", LAB)
    assert torch.equal(points[: len(wrong)], floats(wrong))


def test_of_many_wrong_images_the_seed_draws(owner_task: OwnerTask) -> None:
    victim, pool = owner_task.base(), Examples.of(owner_task.probe)
    wrong = Examples(pool.images, (LAB.labels(victim, pool.images) + 1) % 10)
    first, again, other = (misclassified(victim, wrong, 10, seed, LAB) for seed in "aab")
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_victim_that_errs_nowhere_has_no_such_points(owner_task: OwnerTask) -> None:
    victim, images = owner_task.base(), owner_task.probe.images[:1]
    pool = Examples(images, LAB.labels(victim, images))  # mixed with itself it is itself
    with pytest.raises(PlayerError, match="found none among 1 held-out"):
        misclassified(victim, pool, 10, "a", LAB)


@each
def test_the_victim_and_a_rewritten_one_are_recognised(
    scheme: Fingerprint, mark: Marking, suspect: Show, owner_task: OwnerTask
) -> None:
    protected = mark(scheme)
    assert protected.model.digest() == owner_task.base().digest()
    for model in (protected.model, permuted(protected.model, Rng(2))):
        verdict = scheme.verify(protected.key, suspect(model), Rng(0))
        assert verdict.is_copy


@each
def test_an_unseen_innocent_is_spared(
    scheme: Fingerprint, mark: Marking, suspect: Show, innocent: Model
) -> None:
    strict = replace(scheme, level=1e-4)  # one innocent in a hundred may look rare at the usual one
    verdict = strict.verify(mark(scheme).key, suspect(innocent), Rng(0))
    assert verdict.outcome == "not shown"
    assert verdict.reference


@each
def test_the_points_follow_from_the_committed_seed(scheme: Fingerprint, mark: Marking) -> None:
    key = mark(scheme).key
    assert scheme.rederive(key).commitment() == key.commitment()
    secret = PrintKey.of(key)
    other = replace(secret, points=1 - secret.points).into(key)
    assert scheme.rederive(other).commitment() != other.commitment()


@pytest.mark.parametrize("scheme", [AKH(), LabelSAC()], ids=lambda scheme: scheme.name)
def test_points_follow_from_the_seed_whatever_the_autocast(
    scheme: Fingerprint, task: Task, trained: Model
) -> None:
    """Rounding to bfloat16 decides which of two classes is first of some images."""
    rough = replace(task, spec=task.spec.model_copy(update={"precision": "bfloat16"}))
    for seed in range(5):
        key = scheme.protect(testing.owner_task(rough, trained), Rng(seed)).key
        assert scheme.rederive(key).commitment() == key.commitment()


def test_labels_are_enough_for_labels_alone(mark: Marking) -> None:
    for scheme in (AKH(), LabelSAC()):
        protected = mark(scheme)
        shown = Suspect.bare(protected.model, COMPUTE, "labels")
        assert scheme.verify(protected.key, shown, Rng(0)).is_copy
    shown = Suspect.bare(mark(SCHEMES[1]).model, COMPUTE, "labels")
    assert SCHEMES[1].verify(mark(SCHEMES[1]).key, shown, Rng(0)).outcome == "unreadable"


def test_a_label_stands_for_a_row(mark: Marking, suspect: Show) -> None:
    model = mark(AKH()).model
    points = PrintKey.of(mark(AKH()).key).points[:5]
    rows = LabelSAC().represent(suspect(model), points)
    plain = torch.full((5, 10), 0.01).scatter(1, LAB.labels(model, points)[:, None], 1.0)
    assert torch.allclose(rows, F.softmax(plain, 1))


def test_a_weaker_model_than_any_null_has_no_reference(
    mark: Marking, owner_task: OwnerTask
) -> None:
    protected = mark(AKH())
    blank = LAB.build(protected.model.card, Rng(1))
    verdict = AKH().verify(protected.key, Suspect.bare(blank, COMPUTE), Rng(0))
    assert verdict.outcome == "no reference"


def test_answers_that_are_not_finite_are_no_evidence(mark: Marking) -> None:
    protected = mark(SCHEMES[1])
    card = protected.model.card
    shown = Suspect(lambda images: torch.full((len(images), 10), torch.nan), "probabilities", card)
    verdict = SCHEMES[1].verify(protected.key, shown, Rng(0))
    assert (verdict.outcome, verdict.is_copy) == ("unreadable", False)


class Told(SAC):
    """Says of the model in dispute a distance of 0, of the referee's models far ones as well."""

    def verify(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Return what is told of a suspect by its number of classes: 10 for that in dispute."""
        value = (0.0, *FAR)[suspect.n_classes - 10]
        return Verdict(value == 0, value, value, 0.01, "correlation gap", "low", "told")


class Plain(Told):
    """The same, and its distances are compared on their own scale."""

    statistic = ("", "high")  # what no verdict of it says: the verdict's word counts

    def null_test(self, key: Key, copies: Side) -> NullTest:
        """Return what a scheme has that says nothing of it: Student's t."""
        return Defense.null_test(self, key, copies)


class Near(Plain):
    """The same without far ones among them: then Student's t finds the victim rare as well."""

    def verify(self, key: Key, suspect: Suspect, rng: Rng) -> Verdict:
        """Return what is told of a suspect by its number of classes: 10 for that in dispute."""
        told = super().verify(key, suspect, rng)
        return replace(told, statistic=min(told.statistic, 0.08 + told.statistic / 100))


FAR = (0.05, 0.06, 0.05, 0.07, 0.06, 0.08, 0.05, 0.09, 0.17, 0.3)


@pytest.mark.parametrize(("scheme", "failed"), [(Told(), ()), (Plain(), ("nulls",)), (Near(), ())])
def test_the_court_asks_the_schemes_own_test(
    scheme: Told, failed: tuple[str, ...], mark: Marking
) -> None:
    """By Student's t one far model makes an honest claim fail: so it was."""
    key, card = mark(SCHEMES[1]).key, mark(SCHEMES[1]).model.card
    first, *nulls = [
        Suspect(lambda images: images, "labels", card.model_copy(update={"n_classes": 10 + i}))
        for i in range(1 + len(FAR))
    ]
    court = Court(first, Register(), nulls, Rng(0), frozenset({"nulls"}))
    assert court.rule(Party(scheme, key), Party(scheme, key)).failed == failed


def test_without_nulls_a_distance_proves_nothing() -> None:
    assert CKA.test(10).p_value(1.0, []) == 1
    assert not SCHEMES[3].judge(1.0, 10, Nulls((), (), CKA.test(10))).is_copy
