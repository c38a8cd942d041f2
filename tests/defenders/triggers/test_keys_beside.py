"""Keys that might have been drawn: rates of hits, and which of them count."""

from __future__ import annotations

import pytest
import torch

from arena.game.sides.suspect import Suspect
from arena.world.models import ModelCard
from defenders.triggers.keys_beside import quiet_rates, rates
from defenders.triggers.trigger_sets import hit_nulls, null_verdict

CARD = ModelCard(
    architecture="softmax", n_classes=3, input_shape=(1, 2, 2), mean=(0.5,), std=(0.5,)
)


def always(label: int) -> Suspect:
    """Return a suspect that gives one label to everything."""
    rows = torch.nn.functional.one_hot(torch.tensor(label), 3).float()
    return Suspect(lambda images: rows.expand(len(images), 3), "labels", CARD)


def test_rates_are_shares_by_model_and_key() -> None:
    images = torch.zeros(4, 1, 2, 2)
    found = rates([(images, 0), (images[:2], 1)], [always(0), always(1), always(2)])
    assert found.tolist() == [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    assert rates([], [always(0)]).shape == (1, 0)


def test_a_key_counts_for_a_model_if_the_others_are_quiet_under_it() -> None:
    found = torch.tensor([[0.9, 0.0, 0.1], [0.8, 0.0, 0.2]])
    assert quiet_rates(found, [0]) == pytest.approx([0.0, 0.1])
    assert quiet_rates(found[:, 1:], [0, 1]) == pytest.approx([0.0, 0.1, 0.0, 0.2])


def test_a_rate_is_no_rarer_than_its_rank_among_other_keys() -> None:
    loud, quiet = [0.0] * 95 + [1.0] * 5, hit_nulls([0] * 12, 30)
    assert null_verdict(30, 30, quiet, 0.01).p_value < 1e-6
    heavy = null_verdict(30, 30, quiet, 0.01, loud)
    assert heavy.p_value == pytest.approx(6 / 101)
    assert not heavy.is_copy
    assert heavy.threshold > 1  # no number of hits is enough
