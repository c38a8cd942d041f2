"""Recovery by a table: what is drawn, what is recalled, what the copy learns."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arena.game.rules.threat import ThreatModel
from arena.world.rng import Rng
from attackers.extract.answers.bayes import PartialBayes, honest_rows, recalled
from attackers.extract.answers.recover import altered
from tests.attackers.conftest import Thief

GRANTS = ThreatModel(output="probabilities", data=1)


@given(st.integers(0, 10**6), st.integers(2, 10), st.floats(0.5, 100))
def test_drawn_rows_are_distributions_around_the_answers(
    seed: int, n_classes: int, concentration: float
) -> None:
    answers = torch.rand(3, n_classes, generator=Rng(seed).torch()).softmax(1)
    rows = honest_rows(answers, 90, concentration, Rng(seed))
    assert rows.shape == (90, n_classes)
    assert torch.allclose(rows.sum(1), torch.ones(90), atol=1e-5)
    assert float(rows.min()) > 0


def test_rows_lie_nearer_the_more_they_are_concentrated() -> None:
    answers = torch.tensor([[0.7, 0.2, 0.1]])
    wide, narrow = (
        (honest_rows(answers, 2000, c, Rng(0)) - answers).abs().mean() for c in (1.0, 100.0)
    )
    assert float(narrow) < 0.3 * float(wide)


def test_an_answer_is_the_mean_of_all_rows_within_the_tolerance() -> None:
    honest = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]])
    seen = torch.tensor([[0.60, 0.40], [0.61, 0.39], [0.9, 0.1]])
    found = recalled(torch.tensor([[0.605, 0.395], [0.2, 0.8]]), honest, seen, 0.011)
    torch.testing.assert_close(found, torch.tensor([[0.85, 0.15], [0.2, 0.8]]))


def test_where_none_is_within_the_tolerance_the_nearest_counts() -> None:
    honest, seen = torch.tensor([[0.9, 0.1], [0.7, 0.3]]), torch.tensor([[0.6, 0.4], [0.9, 0.1]])
    found = recalled(torch.tensor([[0.7, 0.3]]), honest, seen, 0.0)
    torch.testing.assert_close(found, honest[:1])


def test_what_modelguard_altered_comes_back_nearer_to_what_it_was() -> None:
    honest = (3 * torch.randn(400, 10, generator=Rng(0).torch())).softmax(1)
    answers = altered(honest, "modelguard", 0.4, Rng(1))
    table = honest_rows(honest, 20_000, 8.0, Rng(2))  # of the right distribution
    found = recalled(answers, table, altered(table, "modelguard", 0.4, Rng(1)), 0.01)
    before, after = ((rows - honest).abs().sum(1).mean() for rows in (answers, found))
    assert float(after) < float(before)


def test_the_copy_learns_recalled_rows_and_nothing_is_asked_twice(thief: Thief) -> None:
    world = thief(GRANTS)
    images = world.task.splits.thief.images[:20]
    examples = PartialBayes(epochs=1, n_rows=200).ask(world.access, images, Rng(0))
    assert torch.equal(examples.images, images)
    assert examples.targets.sum(1) == pytest.approx(torch.ones(20), abs=1e-4)
    assert torch.equal(examples.targets.argmax(1), world.answers(images))
    assert world.spent("images_queried") == 20
    assert world.spent("models") == 0
