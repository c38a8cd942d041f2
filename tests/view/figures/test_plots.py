"""The plots: what they show, at sizes from one cell to a large tournament."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from arena.view.figures.heat_map import PAYOFF, RESCALED, Look, heat_map, utility_look
from arena.view.figures.plots import (
    Bars,
    MatchCurves,
    Roc,
    Score,
    leaderboard_bars,
    match_curves,
    pixels,
    radar,
    render,
    roc_curves,
    short,
)

LONG = "a-very-long-name-of-a-player-with-many-settings"


def table(n_owners: int, n_thieves: int, look: Look = PAYOFF) -> Figure:
    values = np.linspace(0, 1, n_owners * n_thieves).reshape(n_owners, n_thieves)
    words = [[f"{value:.2f}" for value in line] for line in values]
    names = [LONG, *(f"thief-{i}" for i in range(1, n_thieves))]
    return heat_map([f"owner-{i}" for i in range(n_owners)], names, values, words, look)


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


@given(st.text(max_size=80))
def test_names_fit_an_axis_and_keep_both_ends(name: str) -> None:
    found = short(name)
    assert len(found) <= 26
    assert found == name or (name.startswith(found[:5]) and name.endswith(found[-5:]))


@pytest.mark.parametrize(("n_owners", "n_thieves"), [(1, 1), (2, 3), (6, 16), (25, 25)])
def test_a_heat_map_says_the_value_of_every_cell(n_owners: int, n_thieves: int) -> None:
    axes = table(n_owners, n_thieves).axes[0]
    assert len(axes.texts) == n_owners * n_thieves
    assert texts(axes)[0] == "0.00"
    assert next(label.get_text() for label in axes.get_yticklabels()) == "owner-0"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("thief", "owner")
    assert axes.get_images()[0].get_clim() == (0, 1)


def test_more_cells_than_can_be_read_are_colours_alone() -> None:
    axes = table(31, 30).axes[0]
    assert texts(axes) == []
    assert len(axes.get_yticklabels()) == 31
    height, width = pixels(render(table(100, 100))).shape[:2]
    assert max(height, width) < 2400


def test_cells_without_a_score_are_hatched_and_say_why() -> None:
    values = np.array([[0.5, math.nan], [math.nan, 1.0]])
    words = [["0.50", "TIMEOUT"], ["·", "1.00"]]
    axes = heat_map(["a", "b"], ["t", "u"], values, words, PAYOFF).axes[0]
    hatched = [p.get_xy() for p in axes.patches if isinstance(p, Rectangle) and p.get_hatch()]
    assert hatched == [(0.5, -0.5), (-0.5, 0.5)]
    assert texts(axes) == ["0.50", "TIMEOUT", "·", "1.00"]


@pytest.mark.parametrize(
    ("look", "colours"),
    [
        (PAYOFF, ["black", "black", "white"]),
        (RESCALED, ["white", "black", "white"]),  # dark at both ends
        (utility_look("accuracy"), ["black", "black", "white"]),
    ],
)
def test_cells_can_be_read_on_light_and_on_dark(look: Look, colours: list[str]) -> None:
    values, words = np.array([[0.0, 0.5, 1.0]]), [["0", "0.5", "1"]]
    axes = heat_map(["a"], ["t", "u", "v"], values, words, look).axes[0]
    assert [text.get_color() for text in axes.texts] == colours


@pytest.mark.parametrize(
    ("look", "n_lines"), [(PAYOFF, 0), (RESCALED, 1), (utility_look("accuracy"), 0)]
)
def test_colour_bars_are_named_and_the_threshold_is_marked(look: Look, n_lines: int) -> None:
    axes, bar = table(2, 3, look).axes
    assert bar.get_ylabel() == look.bar != ""
    lines = [set(np.asarray(line.get_ydata()).tolist()) for line in bar.get_lines()]
    assert lines == [{0.5}] * n_lines
    assert bar.get_position().x0 >= axes.get_position().x1


@pytest.mark.parametrize("n_rounds", [1, 2, 12])
def test_curves_have_every_series_and_the_threshold(n_rounds: int) -> None:
    series = {"utility": [0.9] * n_rounds, "rescaled statistic": [0.4] * n_rounds}
    moves = [LONG] * n_rounds
    curves = MatchCurves("a-vs-b-0", range(n_rounds), moves, series, victim_utility=0.95)
    axes = match_curves(curves).axes[0]
    lines = {str(line.get_label()): np.asarray(line.get_ydata()) for line in axes.get_lines()}
    assert list(lines) == [
        "utility",
        "rescaled statistic",
        "victim's utility",
        "threshold of the statistic",
    ]
    assert lines["utility"].tolist() == [0.9] * n_rounds
    assert set(lines["threshold of the statistic"].tolist()) == {0.5}
    assert len(axes.get_xticks()) == n_rounds
    assert axes.get_title(loc="left") == "a-vs-b-0"


def test_curves_of_a_match_without_a_score_can_be_drawn() -> None:
    curves = MatchCurves("a-vs-b-0", [0], ["none"], {"utility": [math.nan]})
    assert pixels(render(match_curves(curves))).std() > 0


def scores(*values: float) -> list[Score]:
    return [Score(value, value - 0.125, value + 0.25) for value in values]


def test_the_leaderboard_has_a_bar_for_each_column_and_the_best_on_top() -> None:
    side = Bars("Owners", ["best", "worst"], {"worst case": scores(0.5, 0.25)}, scores(30, 20))
    left, right = leaderboard_bars([side]).axes
    bars = [bar for bar in left.patches if isinstance(bar, Rectangle)]
    assert [bar.get_width() for bar in bars] == [0.5, 0.25]
    assert [label.get_text() for label in left.get_yticklabels()] == ["best", "worst"]
    assert left.get_ylim()[0] > left.get_ylim()[1]
    assert right.get_xlabel().startswith("rating")


def test_intervals_are_drawn_where_they_lie() -> None:
    side = Bars("Owners", ["a"], {"mean": scores(0.5)}, scores(25.0))
    left, _ = leaderboard_bars([side]).axes
    (whiskers,) = (kept for kept in left.collections if isinstance(kept, LineCollection))
    assert np.asarray(whiskers.get_segments())[0, :, 0].tolist() == [0.375, 0.75]


def test_each_owner_has_a_panel_of_its_own() -> None:
    curves = [Roc(f"owner-{i}", [0, 0, 1], [0, 1, 1], 1.0, 3, 20) for i in range(7)]
    figure = roc_curves(curves)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title().partition("\n")[0] for axes in shown] == [c.owner for c in curves]
    assert "area 1.00: 3 copies, 20 innocents" in shown[0].get_title()


def test_a_radar_chart_is_closed_and_has_its_ring() -> None:
    (axes,) = radar("uchida", ["a", "b", "c"], [1.0, 0.25, 0.5]).axes
    values, ring = (np.asarray(line.get_ydata()) for line in axes.get_lines())
    assert values.tolist() == [1.0, 0.25, 0.5, 1.0]
    assert set(ring.tolist()) == {0.5}
    assert texts(axes) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "figure",
    [
        *(table(3, 4, look) for look in (PAYOFF, RESCALED, utility_look("Frechet score"))),
        match_curves(MatchCurves("m", [0, 1], ["x", "y"], {"utility": [0.5, 0.5]})),
        leaderboard_bars([Bars("Owners", ["a"], {"mean": scores(0.5)}, scores(25.0))]),
        roc_curves([Roc("a", [0, 1], [0, 1], 0.5, 1, 1)]),
        radar("a", [LONG] * 9, [0.5] * 9),
    ],
    ids=["pay-off", "rescaled", "utility", "curves", "leaderboard", "roc", "radar"],
)
def test_a_figure_becomes_a_picture(figure: Figure) -> None:
    width, height = figure.get_size_inches()
    image = pixels(render(figure))
    assert image.dtype == np.uint8
    assert image.shape[:2] == pytest.approx((height * 110, width * 110), abs=1)
    assert image.shape[2] == 3
    assert image.std() > 0
    assert image.max() == 255


def test_drawing_leaves_no_global_state() -> None:
    from matplotlib import pyplot

    table(2, 2)
    assert pyplot.get_fignums() == []


def test_names_stay_inside_the_picture() -> None:
    figure = table(2, 2)
    image = pixels(render(figure))
    border = np.concatenate(
        [image[0].ravel(), image[-1].ravel(), image[:, 0].ravel(), image[:, -1].ravel()]
    )
    assert (border == 255).all()
