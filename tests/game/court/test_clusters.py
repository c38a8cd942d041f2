"""Intervals for false alarms let keys and models vary both."""

from __future__ import annotations

import numpy as np

from arena.game.court.clusters import clustered_interval
from arena.world.rng import Rng


def covered(draw: str, n_tables: int = 60) -> float:
    """Return how often the interval holds the true share where alarms come by key or by model."""
    dice, hits = np.random.default_rng(1), 0
    for i in range(n_tables):
        shape = (30, 1) if draw == "key" else (1, 30)
        rates = np.broadcast_to(dice.random(shape) < 0.3, (30, 30))
        low, high = clustered_interval(rates.astype(float), Rng(i), n_draws=400)
        hits += low <= 0.3 <= high
    return hits / n_tables


def test_it_covers_alarms_that_come_by_key_or_by_model() -> None:
    assert covered("key") >= 0.85
    assert covered("model") >= 0.85


def test_it_is_wider_than_for_independent_verdicts() -> None:
    clustered = np.zeros((20, 40))
    clustered[0] = 1
    spread = np.zeros((20, 40))
    for i in range(20):
        spread[i, [i, i + 20]] = 1
    widths = [np.diff(clustered_interval(table, Rng(0)))[0] for table in (clustered, spread)]
    assert widths[0] > 2 * widths[1]


def test_no_alarm_is_no_proof_of_none() -> None:
    low, high = clustered_interval(np.zeros((10, 40)), Rng(0))
    assert low == 0.0
    assert 0.2 < high < 0.4  # ten keys say no more


def test_what_was_not_asked_does_not_count() -> None:
    table = np.full((2, 3), np.nan)
    assert clustered_interval(table, Rng(0)) == (0.0, 1.0)
    table[:, 0] = 1.0
    assert clustered_interval(table, Rng(0))[1] == 1.0
