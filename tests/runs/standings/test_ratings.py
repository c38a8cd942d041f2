from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from arena.runs.standings import ratings as module
from arena.runs.standings.payoffs import Floats
from arena.runs.standings.ratings import ratings
from arena.world.rng import Rng

AVERAGE = 25.0
CUBES = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(0, 1))
)


def cube_of(*rows: list[float]) -> Floats:
    return np.array([rows])  # one repeat


@pytest.mark.parametrize(
    ("payoff", "sign"), [(0.0, -1), (0.44, -1), (0.46, 0), (0.5, 0), (0.54, 0), (0.56, 1), (1.0, 1)]
)
def test_a_game_is_won_outside_the_band_and_drawn_inside(payoff: float, sign: int) -> None:
    rated = ratings(cube_of([payoff]), Rng(0))
    assert np.sign(np.round(rated.thieves[0, 0] - AVERAGE, 9)) == sign
    assert np.sign(np.round(rated.owners[0, 0] - AVERAGE, 9)) == -sign


@given(CUBES)
def test_playing_only_narrows_the_interval(cube: Floats) -> None:
    rated = ratings(cube, Rng(1))
    before = 25 / 3
    for side, n in ((rated.owners, cube.shape[1]), (rated.thieves, cube.shape[2])):
        assert side.shape == (n, 2)
        assert (side[:, 1] > 0).all()
        assert (side[:, 1] < before).all()


@given(CUBES)
def test_the_same_seed_gives_the_same_bits(cube: Floats) -> None:
    one, other = ratings(cube, Rng(3)), ratings(cube, Rng(3))
    assert np.array_equal(one.owners, other.owners)
    assert np.array_equal(one.thieves, other.thieves)


def test_the_stronger_is_rated_higher_on_either_side() -> None:
    cube = np.repeat(cube_of([0.0, 0.0, 0.2], [0.0, 0.5, 0.9], [0.1, 0.9, 1.0]), 8, axis=0)
    rated = ratings(cube, Rng(0))
    assert np.all(np.diff(rated.owners[:, 0]) < 0)
    assert np.all(np.diff(rated.thieves[:, 0]) > 0)


def test_a_player_that_was_not_played_keeps_what_it_starts_with() -> None:
    rated = ratings(cube_of([0.2, float("nan")]), Rng(0))
    assert rated.thieves[1].tolist() == pytest.approx([AVERAGE, 25 / 3])


def test_repeats_count_as_games_while_they_are_few() -> None:
    once, often = cube_of([0.9]), np.repeat(cube_of([0.9]), 6, axis=0)
    assert ratings(often, Rng(0)).thieves[0, 0] > ratings(once, Rng(0)).thieves[0, 0]
    assert ratings(often, Rng(0)).thieves[0, 1] < ratings(once, Rng(0)).thieves[0, 1]


def test_many_repeats_are_pooled_into_games_of_their_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    cube = np.stack([np.full((2, 2), payoff) for payoff in (0.0, 0.9, 0.9, 0.9)])
    monkeypatch.setattr(module, "MOST_GAMES", 4)
    pooled = ratings(cube, Rng(0))
    assert np.array_equal(pooled.owners, ratings(cube.mean(0, keepdims=True), Rng(0)).owners)
    monkeypatch.setattr(module, "MOST_GAMES", 8)
    halves = np.stack([cube[:2].mean(0), cube[2:].mean(0)])
    assert np.array_equal(ratings(cube, Rng(0)).owners, ratings(halves, Rng(0)).owners)


def test_holes_are_left_out_of_a_pooled_game(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_GAMES", 1)
    cube = np.array([[[0.9]], [[float("nan")]], [[0.7]]])
    assert np.array_equal(
        ratings(cube, Rng(0)).thieves, ratings(np.array([[[0.8]]]), Rng(0)).thieves
    )
