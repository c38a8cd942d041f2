from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.game.court.statistics import proportion_interval
from arena.runs.bench.intervals import clustered_share

CLUSTERS = st.lists(st.lists(st.booleans(), min_size=1, max_size=4), min_size=1, max_size=8)


def test_attempts_that_are_alike_count_as_one_a_victim() -> None:
    assert clustered_share([[True] * 4] * 6).low == pytest.approx(proportion_interval(6, 6)[0])


def test_one_attempt_a_victim_gives_the_interval_of_clopper_and_pearson() -> None:
    share = clustered_share([[True]] * 7 + [[False]] * 3)
    assert (share.low, share.high) == pytest.approx(proportion_interval(7, 10))


def test_victims_that_differ_widen_the_interval() -> None:
    alike = clustered_share([[True, False]] * 6)
    apart = clustered_share([[True, True], [False, False]] * 3)
    assert alike.value == apart.value
    assert apart.high - apart.low >= alike.high - alike.low


def test_few_victims_say_little_however_many_attempts_each_has() -> None:
    once, often = (clustered_share([[True] * n] * 3 + [[False] * n]) for n in (1, 20))
    assert often.low <= once.low + 1e-9
    assert often.high >= once.high - 1e-9
    missed = clustered_share([[True] * 10] * 3 + [[True] * 9 + [False]])
    assert missed.low < proportion_interval(39, 40)[0] - 0.05  # 40 attempts, but on four victims


def test_nothing_is_known_of_no_attempt() -> None:
    share = clustered_share([])
    assert (share.value, share.low, share.high) == (None, 0.0, 1.0)


def test_one_victim_speaks_of_itself() -> None:
    share = clustered_share([[True] * 8])
    assert share.low == pytest.approx(proportion_interval(8, 8)[0])


@given(CLUSTERS)
def test_an_interval_holds_its_share_and_is_no_narrower_than_that_of_all_attempts(
    clusters: list[list[bool]],
) -> None:
    share = clustered_share(clusters)
    low, high = proportion_interval(share.hits, share.n)
    assert share.value is not None
    assert 0 <= share.low <= share.value <= share.high <= 1
    assert share.low <= low + 1e-9
    assert share.high >= high - 1e-9
