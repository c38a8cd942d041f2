"""Transfer: a head of another width, and everything below it as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from arena import testing
from arena.errors import DataError, InvalidDeliverable, RuleViolation
from arena.game.court.referee import Referee
from arena.game.rules.keys import Key
from arena.game.rules.threat import ThreatModel
from arena.game.sides.defense import Protected
from arena.game.sides.deliverable import Deliverable
from arena.world import layers
from arena.world.data import Dataset, load
from arena.world.models import Model
from arena.world.rng import Rng
from attackers.modify.transfer import Transfer, with_new_head
from tests.attackers.conftest import COMPUTE, Thief, World

pytestmark = pytest.mark.long

MOVING = ThreatModel(output="weights", transfer="digits/parity")
SHORT = Transfer(epochs=3)


def granted(thief: Thief, name: str = "digits/parity") -> World:
    world = thief(MOVING)
    world.gate.transfer = load(name).train
    return world


@pytest.mark.parametrize(("name", "n"), [("digits/parity", 2), ("digits/0-4", 5), ("digits", 10)])
def test_the_model_has_the_other_tasks_classes(thief: Thief, name: str, n: int) -> None:
    model = granted(thief, name).play(Transfer(epochs=1))
    assert model.card.n_classes == n
    assert COMPUTE.logits(model, load(name).test.images).shape[1] == n


def test_it_learns_the_other_task(thief: Thief) -> None:
    model, test = granted(thief).play(Transfer()), load("digits/parity").test
    assert COMPUTE.accuracy(model, test.images, test.labels) > 0.9


def test_a_new_head_leaves_the_trunk_as_it_was(trained: Model) -> None:
    head = layers.head(trained, trained.card.input_shape)
    moved = with_new_head(trained, 3, Rng(0))
    old, new = trained.state_dict(), moved.state_dict()
    assert {name for name in old if not torch.equal(old[name], new[name])} == {
        f"{head}.weight",
        f"{head}.bias",
    }
    assert new[f"{head}.weight"].shape == (3, old[f"{head}.weight"].shape[1])
    assert trained.card.n_classes == 10


def test_training_the_head_alone_keeps_the_trunk(thief: Thief) -> None:
    world = granted(thief)
    moved = world.play(Transfer(trains="last", epochs=2)).state_dict()
    head = layers.head(world.victim, world.task.card.input_shape)
    for name, tensor in world.victim.state_dict().items():
        assert name.startswith(head) or torch.equal(tensor, moved[name])


def test_training_all_layers_moves_the_trunk(thief: Thief) -> None:
    world = granted(thief)
    moved = world.play(SHORT).state_dict()
    assert not torch.equal(
        moved["body.conv1.weight"], world.victim.state_dict()["body.conv1.weight"]
    )


def test_inputs_of_another_shape_are_refused_in_words(thief: Thief) -> None:
    world = thief(MOVING)
    images = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
    world.gate.transfer = Dataset("colours", images, torch.arange(4) % 2, ("a", "b"))
    with pytest.raises(DataError, match=r"expected a transfer data set of inputs \(1, 8, 8\)"):
        world.play(SHORT)


def test_without_the_other_tasks_data_there_is_no_move(thief: Thief) -> None:
    assert ThreatModel(output="weights").missing(Transfer.needs) == ["a transfer data set"]
    with pytest.raises(RuleViolation, match="grants no 'transfer' data"):
        thief(ThreatModel(output="weights")).play(SHORT)


def test_it_asks_nothing_and_uses_no_own_data(thief: Thief) -> None:
    world = granted(thief)
    world.play(SHORT)
    assert world.spent("images_queried") == 0
    assert world.gate.data is None


def referee(world: World, transfer: Dataset | None) -> Referee:
    owner = Protected(world.victim, Key("bystander"))
    return replace(testing.referee(world.task, owner, grants=MOVING), transfer=transfer)


def test_the_referee_scores_it_on_the_other_task_and_only_where_it_is_granted(thief: Thief) -> None:
    world = granted(thief)
    model = world.play(Transfer())
    judged = referee(world, load("digits/parity").test).judge(Deliverable(model), (), Rng(0))
    assert judged.utility > 0.9
    with pytest.raises(InvalidDeliverable, match="expected a model of 10 classes, found 2"):
        referee(world, None).admit(Deliverable(model))


def test_a_moved_model_can_be_moved_again(thief: Thief) -> None:
    world = granted(thief)
    first = world.play(SHORT)
    world.gate.current, world.gate.transfer = Deliverable(first), load("digits/0-4").train
    assert world.play(SHORT).card.n_classes == 5
