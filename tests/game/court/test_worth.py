"""Gain: what a theft added to what the thief could have had without the victim."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arena.game.court.worth import worth
from arena.game.rules import score
from arena.world.rng import Rng


def right(n: int, of: int = 1000) -> torch.Tensor:
    """Return which of so many inputs are answered right: the first n."""
    return torch.arange(of) < n


def test_gain_is_the_share_of_the_lead() -> None:
    found = worth(right(900), right(1000), [right(700), right(900)], 0.1, Rng(0))
    assert found.alone == pytest.approx(0.8)
    assert found.gain == pytest.approx(0.5)
    assert found.low < found.gain < found.high
    assert found.pays


def test_without_labels_a_thief_has_chance_alone() -> None:
    found = worth(right(550), right(1000), [], 0.1, Rng(0))
    assert found.alone == 0.1
    assert found.gain == pytest.approx(0.5)


def test_where_the_thief_has_as_much_alone_there_is_nothing_to_steal() -> None:
    found = worth(right(985), right(985), [right(970)], 0.1, Rng(0))
    assert not found.pays
    assert worth(right(985), right(985), [right(960)], 0.1, Rng(0)).pays


def test_the_interval_is_paired() -> None:
    """A suspect that errs where the victim errs has taken everything, whatever was drawn."""
    found = worth(right(800), right(800), [right(500)], 0.1, Rng(0))
    assert (found.low, found.gain, found.high) == (1.0, 1.0, 1.0)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_gain_is_a_share(suspect: float, victim: float, alone: float) -> None:
    assert 0.0 <= score.gain(suspect, victim, alone) <= 1.0


def test_the_victim_itself_gains_all_and_nothing_alone() -> None:
    assert score.gain(0.98, 0.98, 0.7) == 1.0
    assert score.gain(0.7, 0.98, 0.7) == 0.0
