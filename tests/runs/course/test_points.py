"""Points: lines between two values of a figure, penalties, and what a failed round is worth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from arena.runs.course.points import Rule, earned, figures_of
from tests.view.conftest import row

NUMBERS = st.floats(-1e6, 1e6)


def rule(**changes: object) -> Rule:
    made = {"says": "useful", "figure": "kept", "none": 0.5, "full": 0.9, "points": 4.0}
    return Rule.model_validate({**made, **changes})


@given(NUMBERS, NUMBERS.filter(lambda x: x != 0), NUMBERS)
def test_a_share_is_in_the_unit_interval_and_ends_where_the_rule_says(
    none: float, slope: float, value: float
) -> None:
    made = rule(none=none, full=none + slope) if none + slope != none else rule()
    assert 0 <= made.share(value) <= 1
    assert (made.share(made.none), made.share(made.full)) == (0, 1)


def test_a_logarithmic_rule_is_straight_in_the_exponent() -> None:
    made = rule(figure="p_value", none=1e-6, full=1e-2, log=True)
    assert made.share(1e-4) == pytest.approx(0.5)
    assert made.share(0.0) == 0


def test_what_was_not_scored_earns_nothing_and_has_every_penalty() -> None:
    failed = figures_of(row("o", "t", None), {})
    assert earned(rule(), 1.0, [failed]).points == 0
    assert earned(rule(points=-2), 1.0, [failed]).points == -2


def test_points_are_the_mean_over_matches_and_the_share_of_the_part() -> None:
    found = [figures_of(row("o", "t", kept=kept), {"o": 0.25}) for kept in (0.9, 0.5)]
    assert earned(rule(), 0.5, found).points == pytest.approx(1.0)
    accused = rule(figure="false_positives", none=0.5, full=0.0)
    assert earned(accused, 1.0, found).points == pytest.approx(2.0)


def test_a_rule_gives_nothing_where_what_it_is_bound_to_holds() -> None:
    bound = rule(unless="caught")
    rounds = [figures_of(row("o", "t", kept=0.9, caught=caught), {}) for caught in (False, True)]
    assert [bound.worth(round_) for round_ in rounds] == [1.0, 0.0]
    found = earned(bound, 1.0, rounds)
    assert (found.points, "0.9, 0.9 but caught" in found.why) == (2.0, True)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [({"figure": "keptt"}, "did you mean 'kept'"), ({"full": 0.5}, "make them differ")],
)
def test_a_rule_that_cannot_be_meant_is_refused(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        rule(**changes)
