"""CEM: the terms of its loss, its moves, its choice, and a game on the digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from arena.errors import BudgetExceeded, PlayerError
from arena.game.rules.meters import Meters
from arena.game.rules.threat import Budget
from arena.game.sides.defense import OwnerTask
from arena.game.sides.suspect import Suspect
from arena.world.models import Model
from arena.world.rng import Rng
from arena.world.training import Examples, Free
from defenders.fingerprints.conferrable import CEM
from defenders.fingerprints.parts.conferral import (
    Ascent,
    Jury,
    conferrability,
    conferrable_points,
    conferral_terms,
)
from defenders.fingerprints.scheme import PrintKey
from tests.defenders.conftest import LAB, Marking

Show = Callable[[Model], Suspect]
SCHEME = CEM(n_points=80, n_models=3, epochs=6, n_steps=10)


def linear(seed: int) -> nn.Module:
    """Return a classifier of 6 numbers into 4 classes."""
    model = nn.Linear(6, 4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(4 * torch.randn(parameter.shape, generator=Rng(seed).torch()))
    return model.requires_grad_(False)


def jury() -> Jury:
    return Jury(linear(0), [linear(i) for i in (1, 2)], [linear(i) for i in (3, 4, 5)])


def terms_at(points: Tensor, start: Tensor) -> Tensor:
    judges = jury()
    answers = [
        torch.stack([model(points).softmax(1) for model in models])
        for models in (judges.surrogates, judges.references)
    ]
    known = torch.stack([model(start).softmax(1) for model in judges.references]).mean(0)
    return conferral_terms(known, judges.victim(points), *answers)


@pytest.mark.parametrize("term", range(3))
def test_each_term_has_a_gradient_in_the_points_that_lowers_it(term: int) -> None:
    start = torch.rand(8, 6, generator=Rng(9).torch())
    points = start.clone().requires_grad_(True)
    found = terms_at(points, start)
    (gradient,) = torch.autograd.grad(found[term].sum(), points)
    assert bool((gradient.abs().sum(1) > 1e-6).all())
    lower = terms_at((points - 1e-3 * gradient).detach(), start)[term]
    assert float(lower.sum()) < float(found[term].detach().sum())


def test_the_terms_are_those_of_their_definition() -> None:
    start = torch.tensor([[0.7, 0.3]])
    victim = torch.tensor([[0.2, 0.8]]).log()
    copies = torch.tensor([[[0.4, 0.6]], [[0.2, 0.8]]])
    others = torch.tensor([[[0.9, 0.1]], [[0.7, 0.3]]])
    conferred = 0.7 * (1 - 0.2)  # class 1; of class 0 it is 0.3 * 0.2
    leaving = 0.7 * torch.tensor(0.2).log() + 0.3 * torch.tensor(0.8).log()
    staying = -(0.2 * torch.tensor(0.3).log() + 0.8 * torch.tensor(0.7).log())
    expected = torch.stack([-torch.tensor(conferred).log(), leaving, staying])
    torch.testing.assert_close(conferral_terms(start, victim, copies, others)[:, 0], expected)


@given(st.integers(0, 10**6))
def test_points_stay_in_the_box_around_their_image(seed: int) -> None:
    start = torch.rand(5, 6, generator=Rng(seed).torch())
    points = conferrable_points(jury(), start, Ascent(0.1, 0.05, 6), Rng(seed), Free())
    assert float((points - start).abs().max()) <= 0.1 + 1e-6
    assert 0 <= float(points.min()) <= float(points.max()) <= 1
    assert not torch.equal(points, start)
    again = conferrable_points(jury(), start, Ascent(0.1, 0.05, 6), Rng(seed), Free())
    assert torch.equal(points, again)


def test_moves_lower_the_loss() -> None:
    start = torch.rand(20, 6, generator=Rng(1).torch())
    points = conferrable_points(jury(), start, Ascent(0.3, 0.02, 40), Rng(2), Free())
    assert float(terms_at(points, start).sum()) < float(terms_at(start, start).sum())


def test_moves_are_on_the_meter() -> None:
    with pytest.raises(BudgetExceeded):
        conferrable_points(
            jury(), torch.rand(2, 6), Ascent(0.1, 0.01, 5), Rng(0), Meters(Budget(steps=4))
        )


def test_conferrability_counts_labels_and_never_probabilities() -> None:
    copies, others = torch.tensor([[0, 1, 2], [0, 1, 1]]), torch.tensor([[1, 1, 0], [2, 0, 0]])
    found = conferrability(torch.tensor([0, 1, 2]), copies, others)
    assert found.tolist() == [1.0, 0.5, 0.5]


def test_surrogates_learn_answers_references_labels_and_no_null_is_among_them(
    owner_task: OwnerTask, nulls: list[Model]
) -> None:
    few = Examples(owner_task.data.images[:64], (owner_task.data.labels[:64] + 1) % 10)
    scheme = replace(SCHEME, n_models=2, epochs=2)
    copies, others = scheme.ensembles(owner_task.base(), few, "ab", LAB)
    assert (len(copies), len(others)) == (2, 2)
    made = {model.digest() for model in (*copies, *others)}
    assert len(made) == 4
    assert made.isdisjoint(null.digest() for null in nulls)
    again = scheme.ensembles(owner_task.base(), few, "ab", LAB)
    assert made == {model.digest() for models in again for model in models}
    relabelled = Examples(few.images, (few.targets + 1) % 10)
    copies2, others2 = scheme.ensembles(owner_task.base(), relabelled, "ab", LAB)
    assert [m.digest() for m in copies2] == [m.digest() for m in copies]
    assert not {m.digest() for m in others2} & {m.digest() for m in others}


def test_without_a_conferrable_point_nothing_is_protected(owner_task: OwnerTask) -> None:
    picky = replace(SCHEME, n_models=2, epochs=1, n_steps=1, n_points=4, least=1.1)
    with pytest.raises(PlayerError, match=r"points of conferrability 1\.1, the best of 6 has"):
        picky.protect(owner_task, Rng(0))


@pytest.mark.slow
def test_the_victim_and_its_changed_copy_are_recognised_and_an_innocent_is_spared(
    mark: Marking, suspect: Show, innocent: Model
) -> None:
    protected = mark(SCHEME)
    assert SCHEME.verify(protected.key, suspect(protected.model), Rng(0)).is_copy
    strict = replace(SCHEME, level=1e-4)
    assert not strict.verify(protected.key, suspect(innocent), Rng(0)).is_copy
    assert SCHEME.rederive(protected.key).commitment() == protected.key.commitment()
    secret = PrintKey.of(protected.key)
    assert 0 < len(secret.points) <= SCHEME.n_points
