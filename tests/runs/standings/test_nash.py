from __future__ import annotations

import warnings

import nashpy
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import OptimizeResult, linprog

from arena.errors import ArenaError
from arena.runs.standings import nash
from arena.runs.standings.nash import at_fault, equilibrium
from arena.runs.standings.payoffs import Floats

HOLE = float("nan")
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 5))
# Quarters: full of ties and of games with many equilibria, and every share is far above rounding.
QUARTERS = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
SEEDS = st.integers(0, 2**32 - 1)
TABLES = SHAPES.flatmap(lambda shape: arrays(np.float64, shape, elements=QUARTERS))
WITH_HOLES = SHAPES.flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.one_of(QUARTERS, st.just(HOLE)))
)


def entropy(mixture: Floats) -> float:
    return float(-(mixture[mixture > 0] * np.log(mixture[mixture > 0])).sum())


def filled(table: Floats) -> Floats:
    return np.nan_to_num(table, nan=0.0)


def scores(table: Floats) -> tuple[Floats, Floats]:
    """What each owner loses to the thieves' mixture, and each thief takes from the owners'."""
    found = equilibrium(table)
    return filled(table) @ found.thieves, found.owners @ filled(table)


_SLACK = np.array(  # where a solver leaves 5e-8 on players that have nothing
    [[1, 0, 1, 1], [0.25, 1, 1, 1], [1, 1, 1, 1], [0.5, 1, 0, 0.5], [1, 0.75, 1, 0]]
)


def some_maximin(gains: Floats, value: float, direction: Floats) -> Floats:
    """Another equilibrium mixture: the farthest one in a direction, by a program of its own."""
    result = linprog(
        -direction,
        A_ub=-gains.T,
        b_ub=np.full(gains.shape[1], 1e-9 - value),
        A_eq=np.ones((1, len(gains))),
        b_eq=[1.0],
    )
    found = np.where(result.x < 1e-6, 0.0, result.x)  # what the solver's own tolerance leaves
    return np.asarray(found / found.sum())


def test_a_two_by_two_game_has_its_closed_form() -> None:
    (a, b), (c, d) = table = np.array([[0.9, 0.2], [0.1, 0.6]])
    found = equilibrium(table)
    total = a + d - b - c
    assert found.value == pytest.approx((a * d - b * c) / total)
    assert found.owners == pytest.approx([(d - c) / total, (a - b) / total])
    assert found.thieves == pytest.approx([(d - b) / total, (a - c) / total])


@pytest.mark.parametrize(
    ("table", "owners", "thieves", "value"),
    [
        pytest.param([[0.3]], [1.0], [1.0], 0.3, id="one-cell"),
        pytest.param([[0.2, 0.7, 0.7]], [1.0], [0.0, 0.5, 0.5], 0.7, id="one-owner"),
        pytest.param([[0.2], [0.7], [0.2]], [0.5, 0.0, 0.5], [1.0], 0.2, id="one-thief"),
        pytest.param([[0.4, 0.4], [0.4, 0.4]], [0.5, 0.5], [0.5, 0.5], 0.4, id="all-equal"),
        pytest.param([[0.0, 0.0], [1.0, 0.0]], [1.0, 0.0], [0.5, 0.5], 0.0, id="perfect-owner"),
        pytest.param([[0.0, 1.0], [0.5, 1.0]], [0.5, 0.5], [0.0, 1.0], 1.0, id="perfect-thief"),
        pytest.param(
            [[0.5, 0.0, 1.0], [1.0, 0.5, 0.0], [0.0, 1.0, 0.5]],
            [1 / 3] * 3,
            [1 / 3] * 3,
            0.5,
            id="rock-paper-scissors",
        ),
    ],
)
def test_a_known_game_has_its_known_equilibrium(
    table: list[list[float]], owners: list[float], thieves: list[float], value: float
) -> None:
    found = equilibrium(np.array(table))
    assert found.owners == pytest.approx(owners, abs=1e-7)
    assert found.thieves == pytest.approx(thieves, abs=1e-7)
    assert found.value == pytest.approx(value, abs=1e-7)


def test_entropy_is_taken_over_classes_and_not_over_players() -> None:
    """Any (x, x, 1 - 2 x) is an equilibrium; three copies of the last do not draw mass to it."""
    table = np.array([[0.25, 0.75], [0.75, 0.25], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    assert equilibrium(table).owners == pytest.approx([1 / 3, 1 / 3, 1 / 9, 1 / 9, 1 / 9])


def test_the_most_even_mixture_stops_where_an_inequality_binds() -> None:
    """The thieves' value is 0.5 at the first owner; the second must not hold them below it."""
    table = np.array([[0.5, 0.5], [1.0, 0.25]])
    thieves = equilibrium(table).thieves
    assert thieves == pytest.approx([0.5, 0.5])
    steeper = np.array([[0.5, 0.5], [0.75, 0.0]])
    assert equilibrium(steeper).thieves == pytest.approx([2 / 3, 1 / 3], abs=1e-7)


@given(TABLES)
def test_nobody_does_better_by_leaving_an_equilibrium(table: Floats) -> None:
    found = equilibrium(table)
    for mixture in (found.owners, found.thieves):
        assert (mixture >= 0).all()
        assert mixture.sum() == pytest.approx(1.0)
    assert (found.owners @ table).max() <= found.value + 1e-7
    assert (table @ found.thieves).min() >= found.value - 1e-7


@example(_SLACK, np.zeros(5))
@given(TABLES, arrays(np.float64, 5, elements=st.floats(-1, 1)))
def test_no_equilibrium_is_more_even(table: Floats, direction: Floats) -> None:
    found = equilibrium(table)
    owner_first = np.unique(table, axis=0, return_index=True)[1]
    thief_first = np.unique(table, axis=1, return_index=True)[1]
    game = table[np.ix_(owner_first, thief_first)]  # one of each class
    best = equilibrium(game)
    others = (
        (best.owners, some_maximin(-game, -best.value, direction[: len(game)])),
        (best.thieves, some_maximin(game.T, best.value, direction[: len(game.T)])),
    )
    for mixture, other in others:
        for way in (0.02, 0.5, 1.0):
            assert entropy((1 - way) * mixture + way * other) <= entropy(mixture) + 1e-6
    assert best.value == pytest.approx(found.value, abs=1e-7)


@given(TABLES)
def test_swapping_the_sides_swaps_the_equilibrium(table: Floats) -> None:
    found, swapped = equilibrium(table), equilibrium(1 - table.T)
    assert swapped.owners == pytest.approx(found.thieves, abs=1e-6)
    assert swapped.thieves == pytest.approx(found.owners, abs=1e-6)
    assert swapped.value == pytest.approx(1 - found.value, abs=1e-7)


@given(TABLES, SEEDS)
def test_the_order_of_the_players_does_not_matter(table: Floats, seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows, columns = (generator.permutation(n) for n in table.shape)
    found, moved = equilibrium(table), equilibrium(table[np.ix_(rows, columns)])
    assert moved.owners == pytest.approx(found.owners[rows], abs=1e-6)
    assert moved.thieves == pytest.approx(found.thieves[columns], abs=1e-6)


@pytest.mark.slow
@settings(max_examples=40)
@example(np.array([[0.25, 0.25, HOLE], [0.25, HOLE, HOLE]]), 0, 1)  # alike but for one at fault
@given(WITH_HOLES, st.integers(0, 4), st.integers(1, 5))
def test_copies_of_a_player_share_its_mass_and_move_no_score(
    table: Floats, place: int, n_copies: int
) -> None:
    found, (losses, takes) = equilibrium(table), scores(table)
    n_owners, n_thieves = table.shape
    owner, thief = place % n_owners, place % n_thieves
    more_owners = np.vstack([table, *[table[[owner]]] * n_copies])
    more_thieves = np.hstack([table, *[table[:, [thief]]] * n_copies])
    for crowded in (more_owners, more_thieves):
        crowded_losses, crowded_takes = scores(crowded)
        assert crowded_losses[:n_owners] == pytest.approx(losses, abs=1e-6)
        assert crowded_takes[:n_thieves] == pytest.approx(takes, abs=1e-6)
    clones = equilibrium(more_owners).owners[[owner, *range(n_owners, n_owners + n_copies)]]
    assert np.ptp(clones) == 0.0
    alike = (table == table[owner]) | (np.isnan(table) & np.isnan(table[owner]))
    if alike.all(1).sum() == 1 and not np.isnan(table).any():
        assert clones.sum() == pytest.approx(found.owners[owner], abs=1e-6)


@pytest.mark.parametrize("shape", [(2, 2), (3, 4), (5, 3), (5, 5)])
def test_the_value_agrees_with_support_enumeration(shape: tuple[int, int]) -> None:
    n_compared = 0
    for seed in range(6):
        table = np.random.default_rng(seed).random(shape).round(nash.DECIMALS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of games in which the oracle finds nothing
            pairs = list(nashpy.Game(table.T).support_enumeration())
        n_compared += len(pairs)
        for thieves, owners in pairs:
            value = float(owners @ table @ thieves)
            assert equilibrium(table).value == pytest.approx(value, abs=1e-7)
    assert n_compared >= 4


@pytest.mark.parametrize("seed", range(4))
def test_a_large_table_without_ties_is_solved_to_the_last_digits(seed: int) -> None:
    table = np.random.default_rng(seed).random((25, 30)).round(nash.DECIMALS)
    found = equilibrium(table)
    assert (found.owners @ table).max() - (table @ found.thieves).min() < 1e-10


@given(TABLES, SEEDS)
def test_differences_below_the_grain_decide_nothing(table: Floats, seed: int) -> None:
    jitter = np.random.default_rng(seed).uniform(-2e-5, 2e-5, table.shape)
    found, shaken = equilibrium(table), equilibrium(np.clip(table + jitter, 0, 1))
    assert shaken.owners == pytest.approx(found.owners, abs=1e-9)
    assert shaken.thieves == pytest.approx(found.thieves, abs=1e-9)


def test_a_crash_does_not_lift_a_thief_above_the_value_of_the_game() -> None:
    """The last thief is stopped by the first owner alone; it crashes there."""
    played = np.array([[0.5, 0.4, 0.1], [0.3, 0.6, 0.9], [0.4, 0.5, 0.9]])
    crashed = played.copy()
    crashed[0, 2] = HOLE
    assert scores(crashed)[1][2] <= equilibrium(played).value + 1e-9
    assert equilibrium(crashed).value <= equilibrium(played).value + 1e-9


@given(TABLES, st.integers(0, 4), st.integers(0, 4))
def test_the_value_never_rises_by_a_crash(table: Floats, owner: int, thief: int) -> None:
    crashed = table.copy()
    crashed[owner % len(table), thief % len(table.T)] = HOLE
    assume(not at_fault(crashed).any())
    assert equilibrium(crashed).value <= equilibrium(table).value + 1e-7


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        pytest.param([[0.1, 0.2], [0.3, HOLE]], [False, False], id="half-is-enough"),
        pytest.param([[0.1, 0.2, 0.5], [0.3, HOLE, HOLE]], [False, True], id="fewer-is-not"),
        pytest.param([[HOLE, 0.2, HOLE], [0.3, HOLE, HOLE]], [False, False], id="all-alike"),
        pytest.param(
            [[0.1, 0.2, 0.2, 0.2], [0.3, HOLE, HOLE, HOLE]], [False, False], id="copies-count-once"
        ),
    ],
)
def test_an_owner_with_mostly_holes_is_at_fault(
    table: list[list[float]], fault: list[bool]
) -> None:
    assert at_fault(np.array(table)).tolist() == fault


def test_an_owner_at_fault_leaves_the_game_of_the_others_as_it_was() -> None:
    table = np.array([[0.9, 0.2, 0.4], [0.1, 0.6, 0.5]])
    found = equilibrium(table)
    beside = equilibrium(np.vstack([table, [HOLE, HOLE, 0.0]]))
    assert beside.owners == pytest.approx([*found.owners, 0.0])
    assert beside.thieves == pytest.approx(found.thieves)
    assert beside.value == pytest.approx(found.value)


def test_a_solver_that_gives_up_is_an_error_of_the_arena(monkeypatch: pytest.MonkeyPatch) -> None:
    gave_up = OptimizeResult(success=False, message="time is over")
    monkeypatch.setattr(nash, "linprog", lambda *_, **__: gave_up)
    with pytest.raises(ArenaError, match=r"expected an equilibrium.*time is over.*look for"):
        equilibrium(np.array([[0.2, 0.4]]))
