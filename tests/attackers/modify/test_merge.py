"""Merging with a model of the thief's own: what a share of 0, 1 and between leaves."""

from __future__ import annotations

import pytest
import torch

from arena import testing
from arena.game.rules.threat import ThreatModel
from arena.world.models import Model, build
from arena.world.rng import Rng
from arena.world.task import Task
from attackers.modify.merge import Merge, mixed
from attackers.modify.perturb import Quantise
from attackers.modify.prune import prunable
from tests.attackers.conftest import Thief

GRANTS = ThreatModel(output="weights", data=1)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_every_weight_is_the_mean_of_both(trained: Model, share: float) -> None:
    other = build(trained.card, Rng(1))
    found = mixed(trained, other, share).state_dict()
    theirs = other.state_dict()
    for name, value in trained.state_dict().items():
        if value.is_floating_point():
            expected = (1 - share) * value + share * theirs[name]
            torch.testing.assert_close(found[name], expected)
        else:
            assert torch.equal(found[name], value)


def test_the_stolen_model_is_not_touched_and_half_of_a_kin_keeps_it_useful(thief: Thief) -> None:
    world = thief(GRANTS)
    before = world.accuracy(world.victim)
    assert world.accuracy(world.play(Merge(share=0.5))) > before - 0.1
    assert world.accuracy(world.victim) == before


def test_half_of_a_stranger_ruins_it(thief: Thief) -> None:
    world = thief(GRANTS)
    strange = world.accuracy(world.play(Merge(share=0.5, stolen_start=False)))
    assert strange < world.accuracy(world.victim) - 0.2


def test_models_of_language_are_merged_and_rounded(text_task: Task, text_model: Model) -> None:
    world = testing.thief(text_task, text_model, GRANTS)
    merged = world.play(Merge(epochs=1, share=0.5))
    assert merged.card == text_model.card
    assert merged.state_dict().keys() == text_model.state_dict().keys()
    rounded = world.play(Quantise(bits=4, finetune_after=0))
    assert max(len(weight.unique()) for weight in prunable(rounded).values()) <= 17
