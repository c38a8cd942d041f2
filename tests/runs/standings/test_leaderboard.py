from __future__ import annotations

import math
from itertools import pairwise, product
from typing import cast

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from arena.runs.standings import leaderboard as module
from arena.runs.standings.leaderboard import Games, Side, Standing, leaderboard
from arena.runs.standings.payoffs import Floats
from arena.world.rng import Rng

HOLE = float("nan")
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))
CUBES = SHAPES.flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
)
SIDES: tuple[Side, Side] = ("owner", "thief")


def games_of(cube: Floats) -> Games:
    """Owners o0, o1, ..., thieves t0, t1, ...; the first axis are the repeats."""
    at = list(product(*map(range, cube.shape)))
    played = [place for place in at if not math.isnan(cube[place])]
    return Games(
        [f"o{owner}" for _, owner, _ in played],
        [f"t{thief}" for _, _, thief in played],
        [repeat for repeat, _, _ in played],
        [float(cube[place]) for place in played],
    )


def stand(cube: Floats | list[list[float]], side: Side, seed: int = 0) -> dict[str, Standing]:
    """The standings by name; a plain table is one repeat."""
    array = np.asarray(cube, dtype=np.float64)
    games = games_of(array if array.ndim == 3 else array[None])
    return {line.name: line for line in leaderboard(games, side, Rng(seed), n_draws=50)}


def ranks(lines: dict[str, Standing], column: str) -> list[str]:
    return sorted(lines, key=lambda name: -getattr(lines[name], column))


def test_the_columns_of_a_known_table() -> None:
    owners = stand([[0.0, 0.6], [0.5, 0.2]], "owner")
    assert (owners["o0"].worst, owners["o1"].worst) == (0.4, 0.5)
    assert (owners["o0"].mean, owners["o1"].mean) == pytest.approx((0.7, 0.65))
    value = 0.3 / 0.9  # (b c - a d) / (b + c - a - d)
    assert (owners["o0"].nash, owners["o1"].nash) == pytest.approx((1 - value, 1 - value))
    thieves = stand([[0.0, 0.6], [0.5, 0.2]], "thief")
    assert (thieves["t0"].worst, thieves["t1"].worst) == (0.0, 0.2)
    assert (thieves["t0"].nash, thieves["t1"].nash) == pytest.approx((value, value))


def test_copies_of_one_attack_flip_the_mean_and_leave_nash_alone() -> None:
    """Owner o0 is the better one, but for the thief t2; entered five times, it turns the mean."""
    table = np.array([[0.1, 0.1, 0.6], [0.4, 0.5, 0.2], [0.5, 0.5, 0.5]])
    fair, stuffed = stand(table, "owner"), stand(table[:, [0, 1, 2, 2, 2, 2, 2]], "owner")
    assert ranks(fair, "mean")[0] == "o0"
    assert ranks(stuffed, "mean")[0] == "o1"
    for name in fair:
        assert stuffed[name].nash == pytest.approx(fair[name].nash, abs=1e-7)
        assert stuffed[name].worst == fair[name].worst


@given(CUBES, st.integers(0, 3), st.integers(1, 5), st.sampled_from(SIDES))
def test_copies_move_nobody_in_the_nash_column(
    cube: Floats, place: int, n_copies: int, side: Side
) -> None:
    fair = stand(cube, side)
    thief = place % cube.shape[2]
    stuffed = stand(np.concatenate([cube] + [cube[:, :, [thief]]] * n_copies, axis=2), side)
    for name, line in fair.items():
        assert stuffed[name].nash == pytest.approx(line.nash, abs=1e-6)
        assert stuffed[name].worst == line.worst
    if side == "thief":
        copies = [stuffed[f"t{cube.shape[2] + i}"] for i in range(n_copies)]
        assert {line.nash for line in copies} == {stuffed[f"t{thief}"].nash}


@given(CUBES, st.sampled_from(SIDES))
def test_every_figure_is_a_payoff_and_the_worst_is_the_least(cube: Floats, side: Side) -> None:
    for line in stand(cube, side).values():
        assert 0 <= line.worst <= line.nash + 1e-9 <= 1 + 2e-9
        assert line.worst <= line.mean + 1e-9 <= 1 + 2e-9
        for low, high in (line.worst_interval, line.nash_interval, line.mean_interval):
            assert 0 <= low <= high <= 1
        low, high = line.rating_interval
        assert low < line.rating < high


@given(CUBES)
def test_swapping_the_sides_turns_the_table_round(cube: Floats) -> None:
    owners = stand(cube, "owner")
    thieves = stand(1 - cube.swapaxes(1, 2), "thief")
    for name, line in owners.items():
        twin = thieves[name.replace("o", "t")]
        assert twin.worst == pytest.approx(line.worst)
        assert twin.mean == pytest.approx(line.mean)
        assert twin.nash == pytest.approx(line.nash, abs=1e-6)
        assert twin.mean_interval == pytest.approx(line.mean_interval)
        assert twin.worst_interval == pytest.approx(line.worst_interval)


@given(CUBES, st.sampled_from(SIDES), st.integers(0, 2**32 - 1))
def test_the_order_of_the_entries_changes_nothing(cube: Floats, side: Side, seed: int) -> None:
    games = games_of(cube)
    order = np.random.default_rng(seed).permutation(len(games.payoffs)).tolist()
    shuffled = Games(
        [games.owners[i] for i in order],
        [games.thieves[i] for i in order],
        [games.repeats[i] for i in order],
        [games.payoffs[i] for i in order],
    )
    assert leaderboard(shuffled, side, Rng(5), 20) == leaderboard(games, side, Rng(5), 20)


@given(CUBES, st.sampled_from(SIDES))
def test_lines_come_by_worst_case_then_nash_then_name(cube: Floats, side: Side) -> None:
    lines = leaderboard(games_of(cube), side, Rng(0), 20)
    for upper, lower in pairwise(lines):
        assert upper.worst >= lower.worst - 1e-6
        if abs(upper.worst - lower.worst) < 1e-7:
            assert upper.nash >= lower.nash - 1e-6
            if abs(upper.nash - lower.nash) < 1e-7:
                assert upper.name < lower.name


def test_the_nash_column_breaks_ties_of_the_worst_case() -> None:
    lines = stand([[0.0, 0.0, 0.5], [0.25, 0.5, 0.0]], "thief")
    assert {line.worst for line in lines.values()} == {0.0}
    assert [(name, round(line.nash, 6)) for name, line in lines.items()] == [
        ("t1", 0.25),
        ("t2", 0.25),
        ("t0", 0.125),
    ]


def test_the_seed_decides_the_intervals_and_nothing_else() -> None:
    cube = np.random.default_rng(0).random((6, 3, 3))
    one, other = stand(cube, "owner", 1), stand(cube, "owner", 2)
    assert one == stand(cube, "owner", 1)
    for name in one:
        assert one[name].mean == other[name].mean
        assert one[name].nash == other[name].nash
        assert one[name].mean_interval != other[name].mean_interval


@settings(max_examples=10)
@given(st.sampled_from([0.0, 0.3, 0.5, 1.0]), SHAPES, st.sampled_from(SIDES))
def test_players_that_are_all_equal_stand_equal(
    payoff: float, shape: tuple[int, int, int], side: Side
) -> None:
    mine = payoff if side == "thief" else 1 - payoff
    lines = list(stand(np.full(shape, payoff), side).values())
    for line in lines:
        assert (line.worst, line.nash, line.mean) == pytest.approx((mine, mine, mine))
        assert line.worst_interval == pytest.approx((mine, mine))
    assert [line.name for line in lines] == sorted(line.name for line in lines)


def test_a_tournament_without_a_finished_match_has_no_standings() -> None:
    assert leaderboard(Games([], [], [], []), "owner", Rng(0)) == []


def test_a_single_repeat_has_intervals_without_width() -> None:
    for line in stand(np.random.default_rng(3).random((1, 3, 4)), "thief").values():
        assert line.worst_interval == pytest.approx((line.worst, line.worst))
        assert line.nash_interval == pytest.approx((line.nash, line.nash))
        assert line.mean_interval == pytest.approx((line.mean, line.mean))


def test_a_single_cell_has_the_interval_of_a_mean() -> None:
    sample = np.random.default_rng(1).random(40)
    (line,) = leaderboard(games_of(sample[:, None, None]), "thief", Rng(0), 4000)
    found = scipy.stats.bootstrap(
        (sample,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(9)
    ).confidence_interval
    expected = (found.low, found.high)
    for interval in (line.worst_interval, line.nash_interval, line.mean_interval):
        assert interval == pytest.approx(expected, abs=0.01)


def test_all_cells_share_the_draw_of_a_repeat() -> None:
    """What one thief wins in a seed, the other loses: the mean of both never moves."""
    sample = np.random.default_rng(1).random(12)
    cube = np.stack([sample, 1 - sample], axis=1)[:, None, :]  # (12, 1, 2)
    line = stand(cube, "owner")["o0"]
    assert line.mean_interval == pytest.approx((0.5, 0.5))
    assert np.ptp(line.worst_interval) > 0.1


def test_the_block_size_of_the_bootstrap_changes_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    cube = np.random.default_rng(0).random((5, 4, 3))
    whole = stand(cube, "owner")
    monkeypatch.setattr(module, "BLOCK", 100)
    for name, line in stand(cube, "owner").items():
        assert line.mean_interval == pytest.approx(whole[name].mean_interval)
        assert line.worst_interval == pytest.approx(whole[name].worst_interval)


def test_a_side_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected a side of .*found 'referee'"):
        leaderboard(Games([], [], [], []), cast(Side, "referee"), Rng(0))


class TestHoles:
    """Cells without a finished match."""

    table = np.array([[0.9, 0.2, HOLE], [0.1, 0.6, 0.5], [0.3, 0.4, 0.8]])

    def test_they_are_counted_for_both_players(self) -> None:
        owners, thieves = stand(self.table, "owner"), stand(self.table, "thief")
        assert [owners[name].missing for name in sorted(owners)] == [1, 0, 0]
        assert [thieves[name].missing for name in sorted(thieves)] == [0, 0, 1]
        assert owners["o0"].n_matches == 2

    def test_a_cell_with_some_repeats_is_none(self) -> None:
        cube = np.stack([self.table, np.where(np.isnan(self.table), 0.4, self.table)])
        lines = stand(cube, "thief")
        assert lines["t2"].missing == 0
        assert lines["t2"].n_matches == 5
        assert lines["t2"].worst == pytest.approx(0.4)

    def test_worst_case_and_mean_are_over_the_cells_played(self) -> None:
        line = stand(self.table, "owner")["o0"]
        assert line.worst == pytest.approx(0.1)
        assert line.mean == pytest.approx(0.45)

    def test_the_thief_took_nothing_in_the_nash_column(self) -> None:
        nothing = np.nan_to_num(self.table, nan=0.0)
        for side in SIDES:
            holed, full = stand(self.table, side), stand(nothing, side)
            assert {name: line.nash for name, line in holed.items()} == pytest.approx(
                {name: line.nash for name, line in full.items()}
            )

    def test_an_owner_at_fault_has_nothing_for_its_own(self) -> None:
        """It met the weakest thief only, and would else look perfect."""
        table = np.array([[0.6, 0.2, 0.1], [0.2, 0.6, 0.1], [HOLE, HOLE, 0.0]])
        owners = stand(table, "owner")
        assert owners["o2"].nash == pytest.approx(0.0)
        assert owners["o0"].nash == pytest.approx(0.6)
        assert stand(table, "thief")["t0"].nash == pytest.approx(0.4)

    def test_a_cell_that_a_draw_leaves_out_keeps_its_mean(self) -> None:
        cube = np.array([[[0.5, HOLE]], [[0.5, 0.3]], [[0.5, HOLE]]])
        line = stand(cube, "owner")["o0"]
        assert line.mean_interval == pytest.approx((0.6, 0.6))
