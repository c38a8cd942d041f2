"""Claims about methods: counted over victims, never confirmed on one."""

from __future__ import annotations

import math

import pytest

from arena.runs.experiment import Experiment, ExperimentClaim
from arena.view.reproduce.samples import Measured, MetricReading, Sample
from arena.view.reproduce.victims import directions, over_victims, sign_p_value
from arena.world.rng import Rng

EXPERIMENT = Experiment(number=1, title="Toy", figure="strips", metrics=("A", "B"))
SEPARATES = ExperimentClaim(text="tells them apart", test="separates", metrics=("A",))
WIDER = ExperimentClaim(text="wider", test="wider", metrics=("A", "B"))


def sample(kind: str, repeat: int, number: int, a: float, b: float) -> Sample:
    """Return a model with two readings; copies are low, the threshold is 0.5."""
    readings = {"A": MetricReading(a, 0.5, a <= 0.5), "B": MetricReading(b, 0.5, b <= 0.5)}
    name = f"{kind} {number}"
    return Sample(name, kind, "owner", repeat, {"all": readings}, math.nan, {})


def findings(n_victims: int, wrong: tuple[int, ...] = (), n_models: int = 6) -> Measured:
    """Return victims with six copies at 0.1, six innocents at 0.9; some have one innocent low."""
    samples = []
    for victim in range(n_victims):
        for i in range(n_models):
            low = victim in wrong and i == 0
            samples.append(sample("copy", victim, i, 0.1, 0.3 + 0.01 * victim))
            samples.append(sample("Neg-1", victim, i, 0.2 if low else 0.9, 0.6))
    return Measured(EXPERIMENT, samples)


def test_on_one_victim_nothing_is_confirmed() -> None:
    result = over_victims(SEPARATES, findings(1), Rng(0))
    assert result.outcome == "held"
    assert result.because.endswith("; one victim")


@pytest.mark.parametrize(("n", "outcome"), [(2, "held"), (12, "held"), (13, "confirmed")])
def test_how_many_victims_confirm(n: int, outcome: str) -> None:
    result = over_victims(SEPARATES, findings(n), Rng(0))
    assert result.outcome == outcome
    assert f"held for {n} of {n} victims" in result.because


def test_a_few_copies_of_each_of_many_victims_decide() -> None:
    """On one victim two copies are too few to say always; the unit is the victim."""
    assert over_victims(SEPARATES, findings(1, n_models=2), Rng(0)).outcome == "undecided"
    assert over_victims(SEPARATES, findings(14, n_models=2), Rng(0)).outcome == "confirmed"


def test_one_victim_refutes_what_always_holds() -> None:
    result = over_victims(SEPARATES, findings(14, wrong=(3,)), Rng(0))
    assert result.outcome == "refuted"
    assert "held for 13 of 14 victims" in result.because


def test_a_direction_is_tested_over_victims() -> None:
    assert over_victims(WIDER, findings(3), Rng(0)).outcome == "undecided"  # p is 1/8 at best
    assert over_victims(WIDER, findings(6), Rng(0)).outcome == "confirmed"
    turned = WIDER.model_copy(update={"metrics": ("B", "A")})
    assert over_victims(turned, findings(6), Rng(0)).outcome == "refuted"


def test_directions_are_positive_where_the_claim_holds() -> None:
    (victim,) = findings(1).victims()
    assert directions(WIDER, victim) == {"A over B": pytest.approx(0.5)}


def test_the_test_of_signs() -> None:
    assert sign_p_value([1.0] * 5, Rng(0)) == 1 / 32
    assert sign_p_value([1.0, -1.0], Rng(0)) > 0.5
    assert sign_p_value([1.0] * 30, Rng(0)) < 1e-3
