"""Distillation: the same answers as the victim's, from logits or from probabilities."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from arena.errors import BudgetExceeded
from arena.game.rules.threat import Budget, ThreatModel
from arena.world.data import load
from arena.world.kinds.interface import Interface
from arena.world.models import Model, ModelCard, build
from arena.world.rng import Rng
from arena.world.training import Examples, Trainer
from attackers.extract.distill import Distill, logits_of
from tests.attackers.conftest import COMPUTE, Thief

OWN = ThreatModel(output="probabilities", data=1)
SHORT = Distill(epochs=2)


def test_probabilities_give_the_logits_up_to_a_constant(trained: Model) -> None:
    logits = torch.randn(20, 10, generator=torch.Generator().manual_seed(0)) * 3
    found = logits_of(logits.softmax(1), OWN)
    shift = found - logits
    torch.testing.assert_close(shift, shift[:, :1].expand_as(shift), atol=1e-3, rtol=0)
    assert torch.equal(logits_of(logits, Interface(output="logits")), logits)


@pytest.mark.parametrize(("decimals", "least"), [(None, 1e-7), (2, 0.005), (9, 1e-7)])
def test_an_answer_of_zero_counts_as_half_a_unit_of_the_last_decimal(
    decimals: int | None, least: float
) -> None:
    rounded = Interface(output="top-k", decimals=decimals)
    (found,) = logits_of(torch.tensor([[1.0, 0.0]]), rounded).exp().tolist()
    assert found == pytest.approx([1.0, least])


@pytest.mark.parametrize("output", ["probabilities", "logits", "weights"])
def test_it_copies_from_every_level_that_it_admits(thief: Thief, output: str) -> None:
    world = thief(OWN.model_copy(update={"output": output}))
    assert world.accuracy(world.play(Distill(epochs=30))) > 0.85
    assert world.spent("images_queried") == len(world.task.splits.thief)
    assert world.spent("rounds") == 1


def test_logits_and_their_probabilities_teach_the_same(thief: Thief) -> None:
    copies = [
        thief(OWN.model_copy(update={"output": output})).play(SHORT)
        for output in ("probabilities", "logits")
    ]
    images = thief(OWN).task.splits.test.images
    one, other = (COMPUTE.probabilities(copy, images) for copy in copies)
    torch.testing.assert_close(one, other, atol=0.05, rtol=0)


def test_a_raised_temperature_teaches_the_unlikely_classes_too(thief: Thief) -> None:
    """The copy's answers are nearer to the victim's than those of one that saw classes alone."""
    images = thief(OWN).task.splits.test.images
    gaps = []
    for temperature in (1.0, 4.0):
        world = thief(OWN)
        copy = world.play(replace(Distill(), epochs=30, temperature=temperature))
        soft = [COMPUTE.logits(m, images).div(4).softmax(1) for m in (copy, world.victim.copy())]
        gaps.append(float((soft[0] - soft[1]).abs().mean()))
    assert gaps[1] < gaps[0]


def test_where_the_budget_ends_the_answered_part_is_learnt(thief: Thief) -> None:
    world = thief(OWN.model_copy(update={"budget": Budget(images_queried=100)}))
    world.play(SHORT)
    assert (world.spent("images_queried"), world.spent("steps")) == (100, 4)


def test_without_a_single_answer_there_is_no_move(thief: Thief) -> None:
    with pytest.raises(BudgetExceeded):
        thief(OWN.model_copy(update={"budget": Budget(images_queried=0)})).play(SHORT)


def test_a_network_without_batch_normalisation_learns_as_well() -> None:
    """At the lr that the SoK's averaged loss asks for, ten times ours, it ends at chance."""
    source = load("shapes")
    images, labels = source.train.images[:2000], source.train.labels[:2000]
    logits = torch.nn.functional.one_hot(labels, 10).float() * 8
    card = ModelCard(
        architecture="lenet5", n_classes=10, input_shape=(1, 28, 28), mean=(0.5,), std=(0.3,)
    )
    copy = build(card, Rng(0))
    Trainer(COMPUTE).train(copy, Examples(images, logits), Distill(epochs=10).recipe(), Rng(1))
    answered = COMPUTE.probabilities(copy, source.test.images[:1000]).argmax(1)
    assert float((answered == source.test.labels[:1000]).float().mean()) > 0.4
