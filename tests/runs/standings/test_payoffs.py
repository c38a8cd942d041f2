from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import StoreError
from arena.runs.standings.payoffs import Games, payoff_cube, payoff_matrix

MATCHES = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(0, 3)),
    st.floats(0, 1),
    min_size=1,
)
Matches = dict[tuple[str, str, int], float]


def games_of(matches: Matches) -> Games:
    owners, thieves, repeats = zip(*matches, strict=True)
    return Games(owners, thieves, repeats, list(matches.values()))


def test_a_cell_is_the_mean_over_its_repeats() -> None:
    games = games_of({("a", "x", 0): 0.2, ("a", "x", 1): 0.6, ("a", "y", 1): 1.0})
    matrix = payoff_matrix(games)
    assert matrix.owners == ("a",)
    assert matrix.thieves == ("x", "y")
    assert matrix.payoffs == pytest.approx(np.array([[0.4, 1.0]]))
    assert matrix.counts.tolist() == [[2, 1]]
    assert matrix.n_missing == 0


def test_a_cell_without_a_match_is_a_hole() -> None:
    matrix = payoff_matrix(games_of({("a", "x", 0): 0.0, ("b", "y", 0): 0.5}))
    assert np.isnan(matrix.payoffs).tolist() == [[False, True], [True, False]]
    assert matrix.counts.tolist() == [[1, 0], [0, 1]]
    assert matrix.n_missing == 2


def test_no_match_makes_an_empty_table() -> None:
    matrix = payoff_matrix(Games([], [], [], []))
    assert matrix.payoffs.shape == (0, 0)
    assert matrix.n_missing == 0


@given(MATCHES)
def test_the_table_holds_what_was_played(matches: Matches) -> None:
    matrix = payoff_matrix(games_of(matches))
    assert matrix.counts.sum() == len(matches)
    for i, owner in enumerate(matrix.owners):
        for j, thief in enumerate(matrix.thieves):
            cell = [value for key, value in matches.items() if key[:2] == (owner, thief)]
            mean = math.fsum(cell) / len(cell) if cell else math.nan
            assert matrix.payoffs[i, j] == pytest.approx(mean, nan_ok=True)


@given(MATCHES, st.integers(0, 2**32 - 1))
def test_the_order_of_the_entries_changes_not_one_bit(matches: Matches, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(matches))
    entries = list(matches.items())
    shuffled = dict(entries[i] for i in order)
    owners, thieves, cube = payoff_cube(games_of(matches))
    assert (owners, thieves) == payoff_cube(games_of(shuffled))[:2]
    assert np.array_equal(cube, payoff_cube(games_of(shuffled))[2], equal_nan=True)


def test_repeats_need_not_count_from_nought() -> None:
    cube = payoff_cube(games_of({("a", "x", 7): 0.1, ("a", "x", 3): 0.9}))[2]
    assert cube[:, 0, 0].tolist() == [0.9, 0.1]


@pytest.mark.parametrize(
    ("games", "says"),
    [
        pytest.param((["a"], ["x"], [0], [0.1, 0.2]), "columns of one length", id="lengths"),
        pytest.param((["a"], ["x"], [0], [1.5]), r"in \[0, 1\], found 1.5", id="above-one"),
        pytest.param((["a"], ["x"], [0], [-0.1]), r"in \[0, 1\], found -0.1", id="below-nought"),
        pytest.param((["a"], ["x"], [0], [math.nan]), r"in \[0, 1\], found nan", id="no-number"),
    ],
)
def test_columns_that_are_no_matches_are_refused(
    games: tuple[list[str], list[str], list[int], list[float]], says: str
) -> None:
    with pytest.raises(StoreError, match=says):
        Games(*games)


def test_a_match_entered_twice_is_refused() -> None:
    games = Games(["a", "a"], ["x", "x"], [0, 0], [0.1, 0.2])
    with pytest.raises(StoreError, match="found 2 entries for 1 of them"):
        payoff_matrix(games)
