"""Which figures a tournament has, and what they are drawn from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.patches import Rectangle

from arena.view.figures.drawings import match_figure, owner_roc, roc, summary_figures
from arena.view.results.report import Report
from tests.view.conftest import innocent, made_report, row

pytestmark = pytest.mark.long

SCORES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=8)


def test_the_figures_of_a_played_tournament(report: Report) -> None:
    names = ["payoff", "rescaled", "utility", "plane", "leaderboard", "roc"]
    assert list(summary_figures(report)) == names


def test_heat_maps_show_statistics_and_accuracies_of_what_was_delivered() -> None:
    rounds = [row("a", "t", rescaled=0.25, utility=0.9), row("a", "u", winner="owner")]
    rounds += [row("b", "t", None), row("b", "u", rescaled=1.0, utility=0.5)]
    drawn = summary_figures(made_report(rounds))
    said = {
        name: [text.get_text() for text in drawn[name].axes[0].texts]
        for name in ("rescaled", "utility")
    }
    assert said["rescaled"] == ["0.25", "claim", "ERROR", "1.00"]
    assert said["utility"] == ["0.90", "claim", "ERROR", "0.50"]


def test_claims_alone_have_no_statistics_to_show() -> None:
    drawn = summary_figures(made_report([row("a", "t", winner="owner")]))
    assert "payoff" in drawn
    assert not {"rescaled", "utility"} & set(drawn)


def test_a_radar_chart_needs_three_thieves() -> None:
    rounds = [row("a", thief) for thief in "tuv"] + [row("b", thief) for thief in "tu"]
    rounds.append(row("b", "claims", winner="owner"))  # judged on the victim as it is
    assert [name for name in summary_figures(made_report(rounds)) if "radar" in name] == ["radar/a"]


def test_pictures_with_a_place_for_each_player_show_the_first_twenty() -> None:
    rounds = [row(f"o{i}", thief) for i in range(22) for thief in "tuv"]
    drawn = summary_figures(made_report(rounds))
    assert len([name for name in drawn if "radar" in name]) == 20
    owners, _, thieves, _ = drawn["leaderboard"].axes
    assert (owners.get_title(), thieves.get_title()) == (
        "Owners, the first 20 of 22",
        "Thieves",
    )
    assert len(owners.get_yticklabels()) == 20


def test_a_radar_chart_that_nobody_can_read_is_not_drawn() -> None:
    rounds = [row("a", f"t{i}") for i in range(41)]
    assert not [name for name in summary_figures(made_report(rounds)) if "radar" in name]


def test_a_tournament_without_a_score_has_its_table_only() -> None:
    assert list(summary_figures(made_report([row("a", "t", None)]))) == ["payoff"]


def test_copies_kept_what_the_victim_could_and_are_no_claims() -> None:
    rounds = [
        row("a", "keeps", kept=0.95, rescaled=0.9),
        row("a", "loses", kept=0.5, rescaled=0.1),
        row("a", "claims", kept=1.0, rescaled=0.2, winner="owner"),
        row("a", "fails", None),
    ]
    curve = owner_roc(made_report(rounds, [innocent("a", caught=False, rescaled=0.3)]), "a")
    assert curve is not None
    assert (curve.n_copies, curve.n_innocents, curve.area) == (1, 1, 1.0)


def test_there_is_no_curve_without_copies_or_without_innocents() -> None:
    assert owner_roc(made_report([row("a", "t", kept=1.0)]), "a") is None
    innocents = [innocent("a", caught=False)]
    assert owner_roc(made_report([row("a", "t", kept=0.2)], innocents), "a") is None


@pytest.mark.parametrize(
    ("copies", "innocents", "area"),
    [
        ([0.9, 0.8], [0.1, 0.2], 1.0),
        ([0.1, 0.2], [0.9, 0.8], 0.0),
        ([0.5], [0.5], 0.5),
        ([0.9, 0.8], [0.1, 0.9], 0.625),
    ],
)
def test_the_area_is_the_share_of_pairs_in_the_right_order(
    copies: list[float], innocents: list[float], area: float
) -> None:
    assert roc("a", copies, innocents).area == area


@given(SCORES, SCORES)
def test_a_curve_rises_from_corner_to_corner_over_its_area(
    copies: list[float], innocents: list[float]
) -> None:
    curve = roc("a", copies, innocents)
    false, true = np.asarray(curve.false), np.asarray(curve.true)
    assert (np.diff(false) >= 0).all()
    assert (np.diff(true) >= 0).all()
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    under = float((np.diff(false) * (true[1:] + true[:-1]) / 2).sum())
    assert curve.area == pytest.approx(under)
    assert curve.area + roc("a", innocents, copies).area == pytest.approx(1)


def test_curves_show_the_rounds_that_were_judged() -> None:
    rounds = [row("a", "t", utility=0.75 - 0.25 * number, round=number) for number in range(2)]
    axes = match_figure([*rounds, row("a", "t", None, round=2)]).axes[0]
    utility = axes.get_lines()[0]
    assert np.asarray(utility.get_ydata()).tolist() == [0.75, 0.5]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0: t", "1: t"]


def test_a_single_judged_round_is_drawn_as_bars() -> None:
    rows = [row("a", "t", utility=0.8, gain=None, rescaled=0.4), row("a", "t", None, round=1)]
    axes = match_figure(rows).axes[0]
    bars = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    names = [label.get_text() for label in axes.get_yticklabels()]
    reached = dict(zip(names, (bar.get_width() for bar in bars), strict=True))
    assert (reached["utility"], reached["rescaled statistic"]) == (0.8, 0.4)
    said = dict(zip(names, (text.get_text() for text in axes.texts), strict=True))
    assert (said["utility"], said["gain"]) == ("0.800", "-")
    lines = {line.get_label(): set(np.asarray(line.get_xdata())) for line in axes.get_lines()}
    assert lines == {"victim's utility": {0.75}, "threshold of the statistic": {0.5}}


@pytest.mark.parametrize("rounds", [1, 2])
@pytest.mark.parametrize(
    ("figures", "ending"),
    [
        ({"winner": "claimant"}, "the claim is won"),
        ({"winner": "owner"}, "the claim is lost"),
        ({"caught": True}, "caught"),
        ({"caught": False}, "not caught"),
    ],
)
def test_a_match_says_how_it_ended(rounds: int, figures: dict[str, Any], ending: str) -> None:
    played = [row("a", "t", round=i, **figures) for i in range(rounds)]
    axes = match_figure(played).axes[0]
    assert axes.get_title(loc="right") == ending
