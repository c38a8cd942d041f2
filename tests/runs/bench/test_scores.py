from __future__ import annotations

import pytest

from arena.runs.bench.scores import false_positives, family_scores, fidelity_loss, robust
from arena.runs.bench.search import choose
from tests.runs.bench.synthetic import GOOD, STOLEN, SUITE, attempt, attempts, innocents


def test_a_protection_that_no_thief_steals_is_robust() -> None:
    share, unknown = robust(attempts(**GOOD), SUITE)
    assert (share.hits, share.n, share.clusters, unknown) == (6, 6, 3, 0)


def test_one_thief_that_gets_away_is_enough() -> None:
    tries = [*attempts(**GOOD), attempt(1, 0, thief="other", **STOLEN)]
    assert robust(tries, SUITE)[0].hits == 5


@pytest.mark.parametrize(
    "figures",
    [{"payoff": 0.49}, {"cost": 1.5}],
    ids=["too little", "too dear"],
)
def test_a_theft_that_does_not_count_is_none(figures: dict[str, object]) -> None:
    assert robust([attempt(**{**STOLEN, **figures})], SUITE)[0].hits == 1


def test_where_there_is_nothing_to_steal_nobody_counts() -> None:
    void = {**STOLEN, "payoff": None}
    assert robust([attempt(**void)], SUITE)[0].n == 0
    assert robust([attempt(0, 0, **void), attempt(1, 0, **GOOD)], SUITE)[0].n == 1
    lost = attempt(thief="clumsy", status="FORFEIT")
    assert robust([attempt(**void), lost], SUITE)[0].n == 0
    some = [attempt(**void), attempt(thief="other", **GOOD)]
    assert (robust(some, SUITE)[0].hits, robust(some, SUITE)[0].n) == (1, 1)
    lost = attempt(family="claim", thief="forge", **{**GOOD, "winner": "owner"})
    assert robust([attempt(**void), lost], SUITE)[0].n == 0
    won = attempt(family="claim", thief="forge", **{**STOLEN, "winner": "claimant"})
    assert (robust([attempt(**void), won], SUITE)[0].hits, robust([won], SUITE)[0].n) == (0, 1)
    modify = family_scores([attempt(**void)], innocents(), SUITE)[1]
    assert (modify.thieves, modify.worst_gain) == (1, None)


def test_a_claim_that_is_won_counts() -> None:
    won = attempt(family="claim", thief="forge", **{**STOLEN, "winner": "claimant"})
    assert robust([won], SUITE)[0].hits == 0


def test_what_is_not_known_because_a_match_broke_is_not_held() -> None:
    broken = attempt(0, 0, thief="other", status="ERROR")
    share, unknown = robust([attempt(0, 0, **GOOD), broken, attempt(1, 0, **GOOD)], SUITE)
    assert (share.hits, share.n, unknown) == (1, 2, 1)
    share, unknown = robust([attempt(0, 0, **STOLEN), broken], SUITE)
    assert (share.hits, share.n, unknown) == (0, 1, 0)


def test_a_thief_that_forfeits_has_lost() -> None:
    share, unknown = robust([attempt(0, 0, status="FORFEIT")], SUITE)
    assert (share.hits, unknown) == (1, 0)


def test_a_familys_worst_gain_is_that_of_its_best_thief() -> None:
    tries = [*attempts(**GOOD), *attempts(thief="strong", **{**STOLEN, "payoff": 0.8})]
    modify = family_scores(tries, innocents(), SUITE)[1]
    assert modify.family == "modify"
    assert modify.worst_gain == pytest.approx(0.8)
    assert modify.worst_thief == "strong"
    assert modify.thieves == 2


def test_copies_are_found_above_the_calibration_innocents_alone() -> None:
    modify = family_scores([*attempts(**GOOD), attempt(2, 1, **STOLEN)], innocents(), SUITE)[1]
    assert (modify.found.hits, modify.found.n) == (6, 7)
    blind = family_scores(attempts(**GOOD), innocents(p_value=1e-9), SUITE)[1]
    assert blind.found.hits == 0
    doubtful = family_scores(attempts(**{**GOOD, "p_value": 0.02}), innocents(), SUITE)[1]
    assert doubtful.found.hits == 0
    unknown = family_scores(attempts(**GOOD), [], SUITE)[1]
    assert unknown.found.n == 0


def test_a_claim_is_no_copy_to_be_found() -> None:
    won = attempt(family="claim", **{**STOLEN, "winner": "owner"})
    assert family_scores([won], innocents(), SUITE)[4].found.n == 0


def test_false_positives_are_counted_over_keys_and_innocents() -> None:
    rate = false_positives(innocents(caught=2))
    assert (rate.hits, rate.n, rate.clusters) == (6, 30, 3)
    assert rate.low <= 0.2 <= rate.high


def test_fidelity_is_that_of_victims_and_not_of_attempts() -> None:
    tries = [attempt(0, 0, fidelity_loss=0.0), attempt(0, 1, fidelity_loss=0.0)]
    loss = fidelity_loss([*tries, attempt(1, 0, fidelity_loss=0.1)])
    assert loss is not None
    assert (loss.mean, loss.low, loss.high) == pytest.approx((0.05, 0.0, 0.1))


def test_a_thief_plays_at_the_strength_that_takes_most() -> None:
    tries = [
        attempt(strength=0.2, **GOOD),
        attempt(seed=1, strength=0.6, **{**STOLEN, "payoff": 0.9}),
        attempt(seed=2, strength=1.0, **{**STOLEN, "payoff": 0.3}),
    ]
    (chosen,) = choose(tries, SUITE)
    assert chosen.strength == 0.6
    assert [one.strength for one in chosen.tried] == [0.2, 0.6, 1.0]


def test_where_nothing_is_taken_a_thief_plays_what_comes_nearest() -> None:
    tries = [
        attempt(strength=0.2, rescaled=0.9, **GOOD),
        attempt(seed=1, strength=0.6, rescaled=0.7, **GOOD),
        attempt(seed=2, strength=1.0, rescaled=0.5, **{**GOOD, "gain": 0.1}),
    ]
    assert choose(tries, SUITE)[0].strength == 0.6


def test_of_strengths_that_are_alike_a_thief_plays_the_mildest() -> None:
    tries = [attempt(seed=i, strength=s, **STOLEN) for i, s in enumerate((0.9, 0.1, 0.5))]
    assert choose(tries, SUITE)[0].strength == 0.1
