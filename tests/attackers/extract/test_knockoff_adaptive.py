"""Knockoff's adaptive policy: rewards, the bandit, the stock, and what they ask about."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import BudgetExceeded
from arena.game.rules.threat import Budget, ThreatModel
from arena.world.data import Dataset
from arena.world.rng import Rng
from attackers.extract.knockoff_adaptive import KnockoffAdaptive
from attackers.extract.sampling_policy import (
    Reward,
    Rewards,
    SamplingPolicy,
    Stock,
    certainty,
    diversity,
)
from tests.attackers.conftest import Thief, World

POOL = ThreatModel(output="probabilities", pool="*")


def mixed_pool(thief: Thief, n_each: int = 60) -> Dataset:
    """Return a pool of two classes: images of the task, and black ones that teach nothing."""
    own = thief(ThreatModel(data=1)).task.splits.thief.images[:n_each]
    images = torch.cat([own, torch.zeros_like(own)])
    labels = torch.arange(2).repeat_interleave(n_each)
    return Dataset("mixed", images, labels, ("digits", "black"))


def asked(thief: Thief, pool: Dataset, attack: KnockoffAdaptive, **fields: object) -> World:
    world = thief(POOL.model_copy(update=fields), pool=pool)
    world.play(attack)
    return world


def rows(*values: list[float]) -> torch.Tensor:
    return torch.tensor(values)


@given(st.integers(1, 30), st.integers(2, 8), st.integers(0, 99))
def test_rewards_lie_in_the_unit_interval(n: int, n_classes: int, seed: int) -> None:
    draw = torch.randn(2, n, n_classes, generator=Rng(seed).torch())
    answers, rewards = draw[0].softmax(1), Rewards(("certainty", "diversity", "loss"), n_classes)
    for part in (answers[: n // 2 + 1], answers[n // 2 :]):
        if len(part):
            found = rewards.of(part, draw[1][: len(part)])
            assert float(found.min()) >= 0
            assert float(found.max()) <= 1 + 1e-6


def test_the_surest_answer_has_the_greatest_certainty() -> None:
    assert certainty(rows([0.2, 0.8, 0.0], [1.0, 0.0, 0.0])).tolist() == pytest.approx([0.6, 1.0])


def test_an_answer_like_all_others_is_not_diverse() -> None:
    mean = torch.tensor([0.7, 0.2, 0.1])
    assert diversity(mean[None], mean).tolist() == [0.0]
    assert float(diversity(rows([0.0, 0.0, 1.0]), mean)) == pytest.approx(0.9)


def test_the_loss_reward_is_the_substitutes_cross_entropy() -> None:
    answers, logits = rows([0.5, 0.5], [0.9, 0.1], [0.0, 1.0]), torch.randn(3, 2)
    loss = F.cross_entropy(logits, answers, reduction="none")
    wanted = (loss - loss.min()) / (loss.max() - loss.min())
    torch.testing.assert_close(Rewards(("loss",), 2).of(answers, logits), wanted)


def test_a_single_answer_earns_nothing_yet() -> None:
    """Nothing to compare it with: no division by zero either."""
    assert Rewards(("certainty",), 2).of(rows([0.5, 0.5]), rows([0.0, 0.0])).tolist() == [0.0]


def test_the_bandit_learns_which_class_pays() -> None:
    policy, generator = SamplingPolicy(3), Rng(0).torch()
    plenty = torch.full((3,), 10**6)
    for _ in range(300):
        chances = policy.chances(plenty)
        label = int(torch.multinomial(chances, 1, generator=generator))
        policy.learn(label, chances, 1.0 if label == 2 else 0.0)
    assert int(policy.chances(plenty).argmax()) == 2
    assert float(policy.chances(plenty)[2]) > 0.5


def test_one_update_by_hand() -> None:
    """H_z += (r - mean)(1 - pi_z) / N_z; H_other -= (r - mean) pi_other / N_z."""
    policy = SamplingPolicy(2)
    even = torch.tensor([0.5, 0.5])
    policy.learn(0, even, 1.0)  # the mean is the reward: nothing moves
    assert policy.preferences.tolist() == [0.0, 0.0]
    policy.learn(0, even, 0.0)
    assert policy.baseline == pytest.approx(0.5)
    assert policy.preferences.tolist() == pytest.approx([-0.5 * 0.5 / 2, 0.5 * 0.5 / 2])


def test_a_class_without_images_is_never_drawn() -> None:
    chances = SamplingPolicy(3).chances(torch.tensor([4, 0, 1]))
    assert chances.tolist() == pytest.approx([0.5, 0.0, 0.5])


def test_the_stock_hands_out_every_image_once() -> None:
    labels = torch.tensor([0, 1, 1, 2, 1])
    pool = Dataset("p", torch.zeros(5, 3, dtype=torch.uint8), labels, ("a", "b", "c", "d"))
    stock, policy = Stock(pool, Rng(0)), SamplingPolicy(4)
    draws = [stock.draw(policy) for _ in range(5)]
    assert sorted(draw.index for draw in draws) == list(range(5))
    assert all(int(labels[draw.index]) == draw.label for draw in draws)
    assert stock.left().tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(("n", "per_round", "rounds"), [(40, 8, 5), (41, 8, 6), (None, 20, 6)])
def test_queries_and_rounds_are_counted(
    thief: Thief, n: int | None, per_round: int, rounds: int
) -> None:
    attack = KnockoffAdaptive(n_queries=n, per_round=per_round, epochs=1)
    world = asked(thief, mixed_pool(thief), attack)
    assert world.spent("images_queried") == (120 if n is None else n)
    assert (world.spent("rounds"), world.spent("models")) == (rounds, 2)


@pytest.mark.parametrize("reward", ["certainty", "diversity", "loss"])
def test_each_reward_plays_alone(thief: Thief, reward: Reward) -> None:
    attack = KnockoffAdaptive(n_queries=24, rewards=(reward,), epochs=1)
    assert asked(thief, mixed_pool(thief), attack).spent("images_queried") == 24


def test_images_that_teach_are_asked_about_more_often(thief: Thief) -> None:
    """Black images are all answered alike: what is diverse are the digits."""
    pool = mixed_pool(thief, 200)
    world = thief(POOL, pool=pool)
    attack = KnockoffAdaptive(n_queries=200, rewards=("diversity",))
    known = attack.asked(world.access, pool, Rng(0))
    digits = known.images.flatten(1).any(1)
    assert float(digits[100:].double().mean()) > 0.6


def test_the_copy_learns_the_task_from_a_pool_of_its_kind(thief: Thief) -> None:
    images = thief(ThreatModel(data=1)).task.splits.thief
    world = thief(POOL, pool=images)
    assert world.accuracy(world.play(KnockoffAdaptive())) > 0.8


def test_where_the_budget_ends_what_was_answered_is_learnt(thief: Thief) -> None:
    attack = KnockoffAdaptive(epochs=1)
    world = asked(thief, mixed_pool(thief), attack, budget=Budget(images_queried=21))
    assert (world.spent("images_queried"), world.spent("rounds")) == (21, 3)


def test_without_a_single_answer_there_is_no_move(thief: Thief) -> None:
    with pytest.raises(BudgetExceeded):
        asked(thief, mixed_pool(thief), KnockoffAdaptive(), budget=Budget(images_queried=0))
