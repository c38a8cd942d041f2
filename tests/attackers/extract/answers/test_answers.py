"""Thieves of altered answers: what they ask, what they learn from it, what they deliver."""

from __future__ import annotations

import torch

from arena.game.rules.threat import Budget, ThreatModel
from arena.game.serving.query_log import QueryLog
from arena.world.data import Dataset
from arena.world.rng import Rng
from attackers.extract.answers.labels_alone import CopyCat, LabelOnly
from attackers.extract.answers.smooth import SmoothRetrain
from attackers.extract.answers.twice import CrossArchitecture, DoubleExtraction
from tests.attackers.conftest import Thief

GRANTS = ThreatModel(output="probabilities", data=1)


def test_classes_alone_are_learnt_whatever_is_answered(thief: Thief) -> None:
    for output in ("labels", "probabilities", "logits"):
        world = thief(GRANTS.model_copy(update={"output": output}))
        images = world.task.splits.thief.images[:30]
        examples = LabelOnly().ask(world.access, images, Rng(0))
        assert torch.equal(examples.targets, world.answers(images))


def test_classes_alone_make_a_useful_copy(thief: Thief) -> None:
    world = thief(GRANTS)
    assert world.accuracy(world.play(LabelOnly(epochs=30))) > 0.8
    assert world.spent("images_queried") == len(world.task.splits.thief)


def test_copycat_asks_about_the_pool(thief: Thief) -> None:
    noise = torch.from_numpy(Rng(0).numpy().integers(0, 256, (80, 1, 8, 8)).astype("uint8"))
    pool = Dataset("noise", noise, torch.zeros(80, dtype=torch.int64), ("none", "other"))
    world = thief(ThreatModel(output="labels", pool="noise"), pool=pool)
    world.play(CopyCat(epochs=2))
    assert world.spent("images_queried") == 80


def test_smooth_retraining_asks_about_moved_images_and_learns_their_mean(thief: Thief) -> None:
    world = thief(GRANTS)
    world.gate.log = QueryLog()
    images = world.task.splits.thief.images[:10]
    how = SmoothRetrain(repeats=3)
    examples = how.ask(world.access, images, Rng(1))
    (query,) = world.gate.log.queries
    assert len(query.inputs) == 30
    means = torch.stack([part.mean(0) for part in query.answers.split(3)])
    torch.testing.assert_close(examples.targets, means)
    assert torch.equal(examples.images, images)
    assert how.recipe().label_smoothing == 0.1


def test_smooth_retraining_learns_what_the_budget_allows(thief: Thief) -> None:
    world = thief(GRANTS.model_copy(update={"budget": Budget(images_queried=7)}))
    found = SmoothRetrain(repeats=3).ask(world.access, world.task.splits.thief.images[:10], Rng(1))
    assert len(found) == 3  # the third image has one of its three answers


def test_the_copy_has_another_architecture(thief: Thief) -> None:
    world = thief(GRANTS.model_copy(update={"architecture": True}))
    copy = world.play(CrossArchitecture(epochs=30))
    assert copy.card.architecture == "mlp" != world.victim.card.architecture
    assert world.accuracy(copy) > 0.7


def test_the_second_copy_learns_from_the_first_alone(thief: Thief) -> None:
    world = thief(GRANTS)
    copy = world.play(DoubleExtraction(epochs=20))
    assert world.spent("images_queried") == len(world.task.splits.thief)
    assert world.spent("rounds") == 1
    assert world.spent("models") == 2
    assert world.accuracy(copy) > 0.7
