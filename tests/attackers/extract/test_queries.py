"""Asking, and the randomness that is lent to libraries."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from arena.errors import BudgetExceeded
from arena.game.rules.threat import Budget, ThreatModel
from arena.world.global_rng import lent
from arena.world.rng import Rng
from attackers.extract.queries import ask, ask_more, contrasts, exact, probes
from tests.attackers.conftest import Thief

ASKING = ThreatModel(output="probabilities")
EXACT = ThreatModel(output="probabilities", double=True)


def limited(n: int) -> ThreatModel:
    return ASKING.model_copy(update={"budget": Budget(images_queried=n)})


def test_what_is_answered_comes_with_its_images(thief: Thief) -> None:
    access = thief(limited(5)).access
    images = probes(access, 8, Rng(0)).float()
    known = ask(access, images)
    assert torch.equal(known.images, images[:5])
    assert known.targets.shape == (5, 10)


def test_when_the_budget_is_spent_asking_ends_and_asking_more_goes_on_empty(thief: Thief) -> None:
    access = thief(limited(5)).access
    images = probes(access, 5, Rng(0)).float()
    ask(access, images)
    with pytest.raises(BudgetExceeded):
        ask(access, images)
    more = ask_more(access, images)
    assert (len(more), more.targets.shape) == (0, (0, 10))
    assert len(ask(thief(ASKING).access, images).joined(more)) == 5


@pytest.mark.parametrize("output", ["probabilities", "logits"])
def test_exact_answers_are_float64_rows_that_sum_to_one(thief: Thief, output: str) -> None:
    access = thief(EXACT.model_copy(update={"output": output})).access
    rows = exact(access, probes(access, 6, Rng(0)))
    assert rows.dtype == torch.float64
    torch.testing.assert_close(rows.sum(1), torch.ones(6, dtype=torch.float64), atol=1e-12, rtol=0)


def test_probes_stay_in_the_box_unless_real_numbers_are_granted(thief: Thief) -> None:
    boxed = thief(ASKING).access
    free = thief(ASKING.model_copy(update={"real_inputs": True})).access
    for make in (probes, contrasts):
        assert (
            0 <= float(make(boxed, 50, Rng(0)).min()) <= float(make(boxed, 50, Rng(0)).max()) <= 1
        )
        assert float(make(free, 50, Rng(0)).min()) < 0
    assert torch.equal(probes(boxed, 9, Rng(3)), probes(boxed, 9, Rng(3)))


def test_contrasts_differ_in_brightness(thief: Thief) -> None:
    access = thief(ASKING).access
    grey, bright = (make(access, 200, Rng(0)).flatten(1).mean(1) for make in (probes, contrasts))
    assert float(bright.std()) > 5 * float(grey.std())


def draws() -> tuple[float, float]:
    return float(torch.rand(())), float(np.random.random())


def test_lent_generators_follow_the_stream_and_are_put_back() -> None:
    with lent(Rng(1)):
        first = draws()
    outside = torch.get_rng_state(), np.random.get_state(legacy=False)["state"]["key"].copy()
    with lent(Rng(1)):
        assert draws() == first
    with lent(Rng(2)):
        assert draws() != first
    assert torch.equal(torch.get_rng_state(), outside[0])
    assert np.array_equal(np.random.get_state(legacy=False)["state"]["key"], outside[1])


def test_lent_generators_are_put_back_after_an_error() -> None:
    before = np.random.get_state(legacy=False)["state"]["key"].copy()

    def fails() -> None:
        with lent(Rng(1)):
            np.random.random(1000)
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fails()
    assert np.array_equal(np.random.get_state(legacy=False)["state"]["key"], before)
